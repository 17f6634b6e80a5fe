// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-net/bulkhead/policy"
)

// dice makes random policies and endpoints out of few parts, so that they meet often.
type dice struct{ *rand.Rand }

func roll[T any](d dice, list ...T) T { return list[d.IntN(len(list))] }

func (d dice) percent(n int) bool { return d.IntN(100) < n }

func selector(labels ...string) policy.Selector {
	m := map[string]string{}
	for i := 0; i+1 < len(labels); i += 2 {
		m[labels[i]] = labels[i+1]
	}
	s, err := policy.NewSelector(&metav1.LabelSelector{MatchLabels: m})
	if err != nil {
		panic(err)
	}
	return s
}

var (
	apps       = []string{"web", "api", "db"}
	namespaces = map[string]map[string]string{
		"shop": {"team": "a"}, "pay": {"team": "b"}, "ops": {"team": "a"},
	}
	portNames = []string{"http", "dns"}
)

func (d dice) podSelector() policy.PodSelector {
	p := policy.PodSelector{Selector: policy.Everything()}
	if d.percent(60) {
		p.Selector = selector("app", roll(d, apps...))
	}
	switch {
	case d.percent(40):
		p.Namespace = roll(d, "shop", "pay", "ops")
	case d.percent(50):
		p.NamespaceSelector = selector("team", roll(d, "a", "b"))
	default:
		p.NamespaceSelector = policy.Everything()
	}
	return p
}

var blocks = []string{
	"10.0.0.0/8", "10.1.0.0/16", "10.1.0.0/30", "10.2.0.0/16", "0.0.0.0/0", "192.0.2.0/24",
	"192.0.2.128/25", "203.0.113.7/32", "fd00::/8", "fd00:1::/64", "fd00:1::/126", "::/0",
	"2001:db8::/32", "2001:db8:1::/48", "172.16.0.0/12",
}

func (d dice) peer() policy.Peer {
	switch d.IntN(10) {
	case 0, 1, 2, 3:
		p := d.podSelector()
		return policy.Peer{Pods: &p}
	case 4:
		return policy.Peer{Segment: roll(d, "pci", "edge", "missing")}
	case 5:
		return policy.Peer{Entity: roll(d, policy.EntityHost, policy.EntityWorld,
			policy.EntityEndpoints)}
	}
	return policy.Peer{CIDR: d.cidr()}
}

func (d dice) cidr() *policy.CIDR {
	c := policy.CIDR{Prefix: netip.MustParsePrefix(roll(d, blocks...))}
	for _, b := range blocks {
		x := netip.MustParsePrefix(b)
		if x.Bits() > c.Prefix.Bits() && c.Prefix.Contains(x.Addr()) && d.percent(30) {
			c.Except = append(c.Except, x)
		}
	}
	return &c
}

func (d dice) port() policy.Port {
	number := func(n uint8) *uint8 { return &n }
	switch d.IntN(10) {
	case 0, 1, 2:
		p := roll[uint16](d, 53, 80, 443, 8080)
		return policy.Port{Protocol: roll[uint8](d, 6, 6, 17, 132), First: p, Last: p}
	case 3:
		return policy.Port{Protocol: roll[uint8](d, 6, 17, 132),
			First: roll[uint16](d, 1, 50, 81, 8000), Last: roll[uint16](d, 8000, 8080, 65535)}
	case 4:
		return policy.Port{Protocol: roll[uint8](d, 6, 17, 132), Last: 65535}
	case 5, 6:
		return policy.Port{Named: roll(d, portNames...), Protocol: roll[uint8](d, 0, 0, 6, 17)}
	case 7:
		return policy.Port{Protocol: 1, ICMPType: roll(d, nil, number(8), number(13)),
			ICMPCode: roll(d, nil, number(0), number(1))}
	case 8:
		return policy.Port{Protocol: 58, ICMPType: roll(d, nil, number(128)),
			ICMPCode: roll(d, nil, number(0))}
	}
	return policy.Port{Protocol: roll[uint8](d, 50, 89)}
}

func (d dice) rule(index int, action policy.Action) policy.Rule {
	r := policy.Rule{Index: index, Action: action, Name: fmt.Sprint("r", index),
		AnyPeer: d.percent(10), AnyPort: d.percent(50),
		Log: roll(d, policy.LogDenied, policy.LogDenied, policy.LogNone)}
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

func (d dice) rules(most int, actions ...policy.Action) []policy.Rule {
	var out []policy.Rule
	for i := range d.IntN(most + 1) {
		out = append(out, d.rule(i, roll(d, actions...)))
	}
	return out
}

func (d dice) subject() policy.Subject {
	if d.percent(20) {
		return policy.Subject{Segment: roll(d, "pci", "edge")}
	}
	p := d.podSelector()
	return policy.Subject{Pods: &p}
}

func (d dice) networkPolicy(name string) *policy.Policy {
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

func (d dice) ordered(name string) *policy.Policy {
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

// policies makes a set of up to five policies of each sort.
func (d dice) policies() *policy.Set {
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
		if d.percent(10) {
			p.Mode = policy.Audit
		}
		p.DenyAction = roll(d, policy.Deny, policy.Deny, policy.Reject)
	}
	policy.SortPolicies(s.Policies)
	return s
}

// endpoints makes local endpoints, bridged and routed, and remote ones.
func (d dice) endpoints() []Endpoint {
	var out []Endpoint
	for i := range 4 + d.IntN(6) {
		e := &policy.Endpoint{
			ID: fmt.Sprintf("c%d/eth0", i), Name: fmt.Sprint("c", i), Interface: "eth0",
			Namespace: roll(d, "shop", "pay", "ops"),
			Network:   roll(d, "", "backend"),
			Labels:    map[string]string{"app": roll(d, apps...)},
			Addresses: []netip.Addr{
				netip.AddrFrom4([4]byte{10, byte(1 + i%2), 0, byte(2 + i)}),
				netip.AddrFrom16([16]byte{0xfd, 0, 0, 1, 15: byte(2 + i)}),
			},
		}
		for _, name := range portNames {
			if d.percent(60) {
				e.Ports = append(e.Ports, policy.NamedPort{Name: name,
					Protocol: roll[uint8](d, 6, 17), Port: roll[uint16](d, 53, 80, 8080)})
			}
		}
		l := &Local{Port: fmt.Sprint("veth", i), MAC: [6]byte{2, 0, 0, 0, 0, byte(i)}}
		switch d.IntN(5) {
		case 0, 1:
			l.Bridge = roll(d, "br0", "br1")
		case 4:
			l = nil
		}
		out = append(out, Endpoint{Endpoint: e, Local: l})
	}
	return out
}
