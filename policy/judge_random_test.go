// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// chance makes random policies and flows out of few parts, so that they meet often.
type chance struct{ *rand.Rand }

func pick[T any](c chance, list ...T) T { return list[c.IntN(len(list))] }

func (c chance) percent(n int) bool { return c.IntN(100) < n }

func (c chance) peer() Peer {
	return pick(c, podsIn("shop", ""), podsIn("pay", "app=api"), podsOf("", "app=db"),
		podsOf("team=a", ""), podsOf("", ""), cidr("10.0.0.0/8", "10.2.0.0/16"),
		cidr("0.0.0.0/0", "10.1.0.10/32"), cidr("192.0.2.0/24"), entity(EntityHost),
		entity(EntityWorld), entity(EntityEndpoints), segment("pci"), segment("none"))
}

func (c chance) port() Port {
	return pick(c, tcp(80), tcpRange(80, 9090), udp(53), wholeProtocol(ProtocolTCP), sctp(80),
		named(0, "http"), named(ProtocolUDP, "dns"), icmp(ProtocolICMP, 8))
}

func (c chance) rule(action Action) Rule {
	r := Rule{Action: action, AnyPeer: c.percent(20), AnyPort: c.percent(50)}
	for range c.IntN(3) {
		r.Peers = append(r.Peers, c.peer())
	}
	for range c.IntN(3) {
		r.Ports = append(r.Ports, c.port())
	}
	return r
}

func (c chance) rules(actions ...Action) []Rule {
	var list []Rule
	for range c.IntN(4) {
		list = append(list, c.rule(pick(c, actions...)))
	}
	return list
}

func (c chance) networkPolicy(name string) *Policy {
	p := netpol(pick(c, "shop/", "pay/")+name, pick(c, "", "app=api", "app=db", "app=web"),
		ingress(c.rules(Accept)...), egress(c.rules(Accept)...))
	p.Isolates = [2]bool{c.percent(50), c.percent(60)}
	return p
}

func (c chance) orderedPolicy(name string) *Policy {
	build := pick(c, cluster, segmentation)
	subject := pick(c, podsOf("", ""), podsOf("team=b", ""), podsIn("shop", "app=web"),
		segment("pci"))
	return build(name, pick(c, AdminTier, BaselineTier), int32(c.IntN(3)), subject,
		ingress(c.rules(Accept, Deny, Reject, Pass)...),
		egress(c.rules(Accept, Deny, Reject, Pass)...))
}

// set has up to four policies of each sort; some are in Audit mode, some answer denials.
func (c chance) set() *Set {
	var policies []*Policy
	for i := range 1 + c.IntN(4) {
		policies = append(policies, c.networkPolicy(fmt.Sprintf("np-%d", i)))
	}
	for i := range 1 + c.IntN(4) {
		policies = append(policies, c.orderedPolicy(fmt.Sprintf("p-%d", i)))
	}
	for _, p := range policies {
		p.Mode = pick(c, Enforce, Enforce, Enforce, Enforce, Audit)
		p.DenyAction = pick(c, Deny, Deny, Reject)
	}
	return newSet(policies...).withSegment("pci", Member{Networks: []string{"backend"}},
		Member{CIDRs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/25")}})
}

func (c chance) party(t *testing.T) Party {
	return partyOf(t, pick(c, "shop/web", "shop/api", "shop/db", "pay/api", "pay/db", "shop/web",
		"shop/api", "shop/db", "shop/api/6", "host", "192.0.2.1", "192.0.2.200", "10.9.9.9"))
}

func (c chance) flow(t *testing.T) Flow {
	service := pick(c, "tcp/80", "tcp/9090", "tcp/8080", "udp/53", "sctp/80", "icmp/8/0", "ip/89")
	f := flowOf(t, "host", "host", service)
	f.From, f.To, f.ViaService = c.party(t), c.party(t), c.percent(20)
	return f
}

// forRandom calls check with random sets and flows, always the same ones for one seed, and fails
// if one sort of decision hardly came up: a property of nothing proves nothing.
func forRandom(t *testing.T, seed uint64, check func(t *testing.T, c chance, s *Set, f Flow)) {
	t.Helper()
	c := chance{rand.New(rand.NewPCG(seed, 0))}
	count := map[Reason]int{}
	const sets, flows = 500, 20
	for range sets {
		s := c.set()
		for range flows {
			f := c.flow(t)
			count[s.Evaluate(f).Reason]++
			check(t, c, s, f)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	}
	for _, reason := range []Reason{ReasonRule, ReasonDefaultDeny, ReasonDefaultAllow} {
		if count[reason] < sets*flows/10 {
			t.Errorf("reason %s: got %d of %d decisions, want a tenth", reason, count[reason],
				sets*flows)
		}
	}
	t.Logf("seed %d: %v", seed, count)
}
