// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/policy"
)

// group is the endpoints that the same policies judge alike in one kind of question. It is
// named by its definition, not by its members, so that a member's coming and going changes
// set elements only.
type group struct {
	kind     kind
	id       string
	policies []*policy.Policy
	rules    []resolved
	// trials are those of the policies that are in Audit mode. None of their rules is enforced;
	// resolved.trial says which rule belongs to which, from 1.
	trials []*policy.Policy
	// anyPort are the indexes of the rules that match every port.
	anyPort  []int
	isolated bool
	// rejectDefault: every isolating policy asks for an answer instead of silence.
	rejectDefault bool
}

// resolved is one rule with its ports settled as far as the subject can settle them.
type resolved struct {
	tier    int // index into class.tiers
	trial   int // enforced, or one more than the index into group.trials
	rule    *policy.Rule
	action  policy.Action
	anyPort bool
	// ports are numeric; named ones of ingress are resolved to the subject's own ports.
	ports []policy.Port
	// named are the named ports of an egress rule: every peer has its own numbers.
	named []policy.Port
}

// enforced is the trial of rules that belong to none.
const enforced = 0

// shortHash names a definition. 48 bits: a node has thousands of definitions, not millions.
func shortHash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// concerns reports whether the policy has a say in this kind of question, or would have one if
// it were enforced.
func concerns(p *policy.Policy, k kind) bool {
	d := k.direction()
	if p.Tier == policy.NetworkPolicyTier {
		// The own node is exempt from the application tier, in both directions.
		return !k.host() && p.Isolates[d]
	}
	if !k.host() {
		return len(p.Rules[d]) > 0
	}
	return slices.ContainsFunc(p.Rules[d], namesHost)
}

// namesHost reports whether a rule can match the own node: by entity, or by its address.
func namesHost(r policy.Rule) bool {
	return r.AnyPeer || slices.ContainsFunc(r.Peers, func(p policy.Peer) bool {
		return p.CIDR != nil || p.Entity == policy.EntityHost
	})
}

// newGroup settles the rules of the policies for a subject. All members of a group have the
// same policies and the same meaning of every port name in them.
func newGroup(k kind, policies []*policy.Policy, subject *policy.Endpoint) *group {
	g := &group{kind: k, policies: policies, rejectDefault: true}
	for _, p := range policies {
		tier := map[policy.Tier]int{policy.AdminTier: 0, policy.NetworkPolicyTier: 1}[p.Tier]
		if p.Tier == policy.BaselineTier {
			tier = 2
		}
		trial := enforced
		switch {
		case p.Mode == policy.Audit:
			g.trials = append(g.trials, p)
			trial = len(g.trials)
		case tier == 1:
			g.isolated = true
			g.rejectDefault = g.rejectDefault && p.DenyAction == policy.Reject
		}
		rules := p.Rules[k.direction()]
		for i := range rules {
			r := resolve(k, tier, p, &rules[i], subject)
			r.trial = trial
			if r.anyPort {
				g.anyPort = append(g.anyPort, len(g.rules))
			}
			g.rules = append(g.rules, r)
		}
	}
	g.id = k.String() + "-" + shortHash(g.definition())
	return g
}

// isolates reports whether a member is denied what no rule of the application tier accepts, with
// that trial's policy in force. A NetworkPolicy concerns nobody whom it does not isolate.
func (g *group) isolates(trial int) bool {
	return g.isolated || trial != enforced && g.trials[trial-1].Tier == policy.NetworkPolicyTier
}

func resolve(k kind, tier int, p *policy.Policy, r *policy.Rule,
	subject *policy.Endpoint) resolved {
	out := resolved{tier: tier, rule: r, action: p.RuleAction(*r), anyPort: r.AnyPort}
	for _, p := range r.Ports {
		switch {
		case p.Named == "":
			out.ports = append(out.ports, p)
		case k == egress:
			out.named = append(out.named, p)
		case k != toHost: // the node has no container ports
			out.ports = append(out.ports, numbers(p, subject)...)
		}
	}
	return out
}

// numbers are the ports that the endpoint calls by the name.
func numbers(named policy.Port, e *policy.Endpoint) []policy.Port {
	var out []policy.Port
	for _, p := range e.Ports {
		if p.Name == named.Named && (named.Protocol == 0 || named.Protocol == p.Protocol) {
			out = append(out, policy.Port{Protocol: p.Protocol, First: p.Port, Last: p.Port})
		}
	}
	return out
}

// definition is the canonical text of the group. Names of policies and rules are part of it:
// a denial is explained by the group it was counted in.
func (g *group) definition() string {
	var b strings.Builder
	for _, p := range g.policies {
		fmt.Fprintf(&b, "policy %s %s %d %v %s\n", p.Ref, p.Tier, p.Priority,
			p.Isolates[g.kind.direction()], p.DenyAction)
		if p.Mode == policy.Audit {
			b.WriteString("in audit\n")
		}
	}
	for _, r := range g.rules {
		fmt.Fprintf(&b, "rule %d %q %d %s %s %v %v", r.tier, r.rule.Name, r.rule.Index,
			r.action, r.rule.Log, r.rule.AnyPeer, r.anyPort)
		for _, p := range r.rule.Peers {
			b.WriteString(" " + p.Key())
		}
		for _, p := range append(slices.Clone(r.ports), r.named...) {
			b.WriteString(" " + p.Key())
		}
		if r.trial != enforced {
			fmt.Fprintf(&b, " in trial %d", r.trial)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// hash is the group's id without its kind.
func (g *group) hash() string { return g.id[len(g.kind.String())+1:] }

// title names the group's policies for a person who reads the rules.
func (g *group) title() string {
	if len(g.policies) == 0 {
		return "quarantine"
	}
	names := make([]string, len(g.policies))
	for i, p := range g.policies {
		names[i] = p.Ref.String()
		if p.Mode == policy.Audit {
			names[i] += " in Audit"
		}
	}
	return strings.Join(names, ", ")
}

// entryFor turns a rule into an entry of a class. With named set, the entry holds only those
// endpoints for which that name means the class's port.
func (c *compiler) entryFor(r resolved, named *policy.Port, protocol uint8, port uint16) entry {
	e := entry{action: r.action, silent: r.rule.Log == policy.LogNone,
		recorded: r.rule.Log == policy.LogAll}
	keys := make([]string, 0, len(r.rule.Peers)+1)
	if r.rule.AnyPeer {
		e.any = true
		keys = append(keys, "anybody")
	}
	for _, p := range r.rule.Peers {
		keys = append(keys, p.Key())
		e.add(p, c.members)
	}
	if named == nil {
		slices.Sort(keys)
		e.key = strings.Join(slices.Compact(keys), " | ")
		return e
	}
	keys = append(keys, fmt.Sprintf("where %s is %d/%d", named.Key(), protocol, port))
	only := e.narrow(c.endpoints, func(p *policy.Endpoint) bool {
		return slices.ContainsFunc(numbers(*named, p), func(n policy.Port) bool {
			return n.Protocol == protocol && n.First == port
		})
	})
	only.key = strings.Join(keys, " | ")
	return only
}

// add makes the entry name what the peer names.
func (e *entry) add(p policy.Peer, m *membership) {
	switch {
	case p.CIDR != nil:
		e.blocks = append(e.blocks, *p.CIDR)
		return
	case p.Entity == policy.EntityWorld:
		e.world = true
		return
	case p.Entity == policy.EntityHost:
		e.host = true
		return
	}
	e.selects = true
	e.members = append(e.members, m.of(p)...)
	e.worldBlocks = append(e.worldBlocks, m.worldBlocks(p)...)
}

// narrow keeps of an entry only the endpoints that pass: a port name means nothing for an
// address that is no endpoint, and a block matches an endpoint by its address.
func (e *entry) narrow(endpoints []Endpoint, pass func(*policy.Endpoint) bool) entry {
	out := entry{action: e.action, silent: e.silent, recorded: e.recorded, selects: true}
	if e.any {
		for i := range endpoints {
			if pass(endpoints[i].Endpoint) {
				out.members = append(out.members, i)
			}
		}
		return out
	}
	for _, i := range e.members {
		if pass(endpoints[i].Endpoint) {
			out.members = append(out.members, i)
		}
	}
	for _, ep := range endpoints {
		for _, a := range ep.Addresses {
			if e.hasBlock(a) && pass(ep.Endpoint) {
				out.addresses = append(out.addresses, a)
			}
		}
	}
	return out
}

func (e *entry) hasBlock(a netip.Addr) bool {
	return slices.ContainsFunc(e.blocks, func(b policy.CIDR) bool { return b.Contains(a) })
}
