// SPDX-License-Identifier: Apache-2.0

// Package randpolicy makes random policies, endpoints and flows out of few parts, so that they
// meet often: the worlds in which the law, the compiled rules and the kernel are held against
// each other. It serves tests; equal seeds give equal worlds.
package randpolicy

import (
	"math/rand/v2"
	"net/netip"

	"github.com/bulkhead-net/bulkhead/policy"
)

// Dice makes random policies and endpoints out of few parts, so that they meet often.
type Dice struct{ *rand.Rand }

// New returns dice that fall the same way for the same seed and stream.
func New(seed, stream uint64) Dice { return Dice{rand.New(rand.NewPCG(seed, stream))} }

func roll[T any](d Dice, list ...T) T { return list[d.IntN(len(list))] }

func (d Dice) percent(n int) bool { return d.IntN(100) < n }

func selector(labels ...string) policy.Selector {
	m := map[string]string{}
	for i := 0; i+1 < len(labels); i += 2 {
		m[labels[i]] = labels[i+1]
	}
	s, err := policy.NewSelector(&policy.LabelSelector{MatchLabels: m})
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

func (d Dice) podSelector() policy.PodSelector {
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

func (d Dice) peer() policy.Peer {
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

func (d Dice) cidr() *policy.CIDR {
	c := policy.CIDR{Prefix: netip.MustParsePrefix(roll(d, blocks...))}
	for _, b := range blocks {
		x := netip.MustParsePrefix(b)
		if x.Bits() > c.Prefix.Bits() && c.Prefix.Contains(x.Addr()) && d.percent(30) {
			c.Except = append(c.Except, x)
		}
	}
	return &c
}

func (d Dice) port() policy.Port {
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
