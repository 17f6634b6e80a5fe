// SPDX-License-Identifier: Apache-2.0

package suggest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/policy"
)

// try evaluates the documents in their place among those in force, as they are written. What does
// not do what it should becomes an obstacle, and never a suggestion.
func (w world) try(a *Answer) {
	if len(a.Obstacles) > 0 {
		return
	}
	after, added, err := w.with(a.Documents)
	if err == nil {
		if d := after.Evaluate(w.flow); d.Action != policy.Accept {
			err = fmt.Errorf("with them, %s", d.Why)
		}
	}
	if err != nil {
		a.Obstacles = append(a.Obstacles, Obstacle{Direction: a.Decision.Direction,
			Reason: a.Decision.Reason, Why: fmt.Sprintf("no suggestion was found that works: %v", err)})
		return
	}
	opens := w.opens(after, added)
	a.OpensCount = len(opens)
	a.Opens = append(a.Opens, opens[:min(len(opens), MaxOpens)]...)
}

// with returns the set with documents added, and the policies that they are. Documents that are
// accepted alone are accepted together if their names are different, and a NetworkPolicy refers
// to no other document.
func (w world) with(documents []Document) (*policy.Set, []*policy.Policy, error) {
	var files []policy.File
	for _, d := range documents {
		files = append(files, policy.File{Name: d.Ref.Name, Data: []byte(d.YAML)})
	}
	loaded := policy.Load(files, nil)
	if len(loaded.Problems) > 0 {
		return nil, nil, loaded.Problems[0]
	}
	after := *w.set
	after.Policies = slices.Concat(w.set.Policies, loaded.Policies)
	policy.SortPolicies(after.Policies)
	return &after, loaded.Policies, nil
}

// opens are the flows besides the one asked for that are accepted with the policies added, and
// were not before.
func (w world) opens(after *policy.Set, added []*policy.Policy) []string {
	var out []string
	parties := w.parties()
	for _, from := range parties {
		for _, to := range parties {
			f := w.flow
			f.From, f.To, f.ViaService = from, to, from.Endpoint != nil && from.Endpoint == to.Endpoint
			if from.Addr.Is4() != to.Addr.Is4() || w.same(f) || !governs(after, added, f) {
				continue
			}
			if w.set.Evaluate(f).Action != policy.Accept && after.Evaluate(f).Action == policy.Accept {
				out = append(out, fmt.Sprintf("%s from %s to %s", f.Service(), f.From, f.To))
			}
		}
	}
	slices.SortFunc(out, strings.Compare)
	return slices.Compact(out) // an endpoint with two addresses is one
}

// same tells whether it is the flow asked for, maybe in the other address family.
func (w world) same(f policy.Flow) bool {
	return f.From.String() == w.flow.From.String() && f.To.String() == w.flow.To.String()
}

// governs tells whether one of the policies has a say about the flow.
func governs(set *policy.Set, added []*policy.Policy, f policy.Flow) bool {
	return slices.ContainsFunc(added, func(p *policy.Policy) bool {
		return p.Isolates[policy.Egress] && set.Selects(p, f.From.Endpoint) ||
			p.Isolates[policy.Ingress] && set.Selects(p, f.To.Endpoint)
	})
}

// parties are all who can be an end of a flow: every endpoint by each of its addresses, and the
// ends of the flow asked for.
func (w world) parties() []policy.Party {
	out := []policy.Party{}
	for _, e := range w.endpoints {
		for _, addr := range e.Addresses {
			out = append(out, policy.Party{Endpoint: e, Addr: addr})
		}
	}
	for _, p := range []policy.Party{w.flow.From, w.flow.To} {
		if p.Endpoint == nil {
			p.Addr = p.Addr.Unmap().WithZone("")
			out = append(out, p)
		}
	}
	return out
}
