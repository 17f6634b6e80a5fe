// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"hash/fnv"
)

// newPolicy begins the normal form of a document.
func newPolicy(o object, x extras) *Policy {
	return &Policy{Ref: o.doc.ref, Position: o.position(), Mode: x.mode, DenyAction: x.denyAction}
}

// listed reports whether a field holds rules, or something that was meant to be rules.
func (o object) listed(name string) bool {
	v, ok := o.field(name)
	if !ok {
		return false
	}
	n := v.target()
	return len(n.Content) > 0 || n.Value != ""
}

// directions says which directions a cluster-scoped policy names.
func (o object) directions(w *draft) {
	w.names[Ingress] = o.listed("ingress")
	w.names[Egress] = o.listed("egress")
	w.directionsRead = !o.unknown
}

// rejected is why a closed policy stands where a document was.
const rejected = "the document was rejected and no earlier version is stored"

// closed returns the policy that stands in for a rejected document: it denies, in the
// directions that the document names, all that its subjects do. It is nil when that cannot be
// known, or when the document governs nothing.
func (w draft) closed() *Policy {
	if w.policy == nil || !w.subjectRead {
		return nil
	}
	names := w.names
	if !w.directionsRead {
		names = [2]bool{true, true}
	}
	if names == [2]bool{} {
		return nil
	}
	p := *w.policy
	p.Ref, p.DenyAction = nameOr(p.Ref, p.Position), Deny
	p.Isolates, p.Rules = [2]bool{}, [2][]Rule{}
	if p.Tier == NetworkPolicyTier {
		p.Isolates = names
		return &p
	}
	for _, d := range []Direction{Egress, Ingress} {
		if names[d] {
			p.Rules[d] = []Rule{denyAll(Rule{Position: p.Position, Log: LogDenied}, rejected)}
		}
	}
	return &p
}

// denyAll is what becomes of a Deny, Reject or Pass rule that is not enforced as written.
func denyAll(r Rule, why string) Rule {
	return Rule{Name: r.Name, Index: r.Index, Position: r.Position, Log: r.Log,
		Action: Deny, AnyPeer: true, AnyPort: true, Closed: why}
}

// nameOr gives a policy whose name could not be read a name of its own, so that two of them
// remain two.
func nameOr(r Ref, at Position) Ref {
	if r.isNamed() {
		return r
	}
	h := fnv.New32a()
	h.Write([]byte(at.File))
	r.Name = fmt.Sprintf("unnamed-%08x-%d", h.Sum32(), at.Line)
	return r
}
