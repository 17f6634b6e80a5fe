// SPDX-License-Identifier: Apache-2.0

package randpolicy

import (
	"fmt"
	"net/netip"

	"github.com/bulkhead-net/bulkhead/policy"
)

func (d Dice) rule(index int, action policy.Action) policy.Rule {
	r := policy.Rule{Index: index, Action: action, Name: fmt.Sprint("r", index),
		AnyPeer: d.percent(10), AnyPort: d.percent(50),
		Log: roll(d, policy.LogDenied, policy.LogDenied, policy.LogNone,
			policy.LogAll)}
	for range d.IntN(4) {
		r.Peers = append(r.Peers, d.peer())
	}
	for range d.IntN(4) {
		p := d.port()
		if p.ICMPType == nil {
			p.ICMPCode = nil
		}
		r.Ports = append(r.Ports, p)
	}
	return r
}

func (d Dice) rules(most int, actions ...policy.Action) []policy.Rule {
	var out []policy.Rule
	for i := range d.IntN(most + 1) {
		out = append(out, d.rule(i, roll(d, actions...)))
	}
	return out
}

func (d Dice) subject() policy.Subject {
	if d.percent(12) {
		return policy.Subject{Segment: roll(d, "pci", "edge")}
	}
	p := d.podSelector()
	return policy.Subject{Pods: &p}
}

func (d Dice) networkPolicy(name string) *policy.Policy {
	p := policy.PodSelector{Namespace: roll(d, "shop", "pay", "ops"), Selector: policy.Everything()}
	if d.percent(60) {
		p.Selector = selector("app", roll(d, apps...))
	}
	out := &policy.Policy{
		Ref:      policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: p.Namespace, Name: name},
		Tier:     policy.NetworkPolicyTier,
		Subject:  policy.Subject{Pods: &p},
		Isolates: [2]bool{d.percent(60), d.percent(70)},
	}
	for _, dir := range []policy.Direction{policy.Egress, policy.Ingress} {
		if out.Isolates[dir] {
			out.Rules[dir] = d.rules(3, policy.Accept)
		}
	}
	return out
}

func (d Dice) ordered(name string) *policy.Policy {
	actions := []policy.Action{policy.Accept, policy.Deny, policy.Deny, policy.Reject, policy.Pass}
	return &policy.Policy{
		Ref: policy.Ref{Name: name, Kind: roll(d, policy.KindSegmentationPolicy,
			policy.KindClusterNetworkPolicy)},
		Tier:     roll(d, policy.AdminTier, policy.BaselineTier),
		Priority: int32(d.IntN(4)),
		Subject:  d.subject(),
		Rules:    [2][]policy.Rule{d.rules(4, actions...), d.rules(4, actions...)},
	}
}

// Policies makes a set of up to five policies of each sort.
func (d Dice) Policies() *policy.Set {
	s := &policy.Set{Namespaces: namespaces, Segments: map[string]*policy.Segment{
		"pci": {Members: []policy.Member{
			{Networks: []string{"backend"}},
			{CIDRs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/25"),
				netip.MustParsePrefix("10.1.0.0/24")}}}},
		"edge": {Members: []policy.Member{
			{Pods: &policy.PodSelector{NamespaceSelector: selector("team", "a"),
				Selector: selector("app", "web")}},
			{CIDRs: []netip.Prefix{netip.MustParsePrefix("2001:db8::/48")}}}},
	}}
	for i := range 1 + d.IntN(5) {
		s.Policies = append(s.Policies, d.networkPolicy(fmt.Sprint("np", i)))
	}
	for i := range 2 + d.IntN(6) {
		s.Policies = append(s.Policies, d.ordered(fmt.Sprint("p", i)))
	}
	for _, p := range s.Policies {
		p.Mode = policy.Enforce
		if d.percent(12) {
			p.Mode = policy.Audit
		}
		p.DenyAction = roll(d, policy.Deny, policy.Deny, policy.Reject)
	}
	policy.SortPolicies(s.Policies)
	return s
}
