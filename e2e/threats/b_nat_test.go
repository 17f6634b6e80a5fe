// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// translate loads a foreign nat table for both families: rules for destinations, and whether
// everything is masqueraded on its way.
func (s *site) translate(t testing.TB, rules string, masquerade bool) {
	t.Helper()
	post := ""
	if masquerade {
		post = "ct status dnat masquerade"
	}
	s.Nft(t, `
table inet service
delete table inet service
table inet service {
	chain pre { type nat hook prerouting priority -100; `+rules+`
	}
	chain out { type nat hook output priority -100; `+rules+`
	}
	chain post { type nat hook postrouting priority 100; `+post+`
	}
}`)
}

// vip leads the address of a Service to a container's port 80.
func vip(to string) string {
	return strings.NewReplacer("V4", places[to].v4, "V6", places[to].v6).Replace(`
		ip daddr 10.96.0.1 tcp dport 80 dnat ip to V4:80
		ip6 daddr fd00:96::1 tcp dport 80 dnat ip6 to [V6]:80`)
}

var vips = []string{"10.96.0.1:80", "[fd00:96::1]:80"}

// nodePort leads a port of the node to b.
const nodePort = `
	fib daddr type local tcp dport 30080 meta nfproto ipv4 dnat ip to 10.1.0.3:80
	fib daddr type local tcp dport 30080 meta nfproto ipv6 dnat ip6 to [fd00:1::3]:80`

// TestThreat037: somebody else's rule sends every port 80 to b. Policy judges where a connection
// really goes, not where it was addressed to.
func TestThreat037(t *testing.T) {
	s := newSite(t)
	s.serveAll(t)
	bad := `
		tcp dport 80 meta nfproto ipv4 dnat ip to 10.1.0.3:80
		tcp dport 80 meta nfproto ipv6 dnat ip6 to [fd00:1::3]:80`
	s.translate(t, bad, true)
	for _, from := range []string{"d", "e", "x"} {
		s.reachBoth(t, from, "f", nil)
	}
	s.policies(t, isolate("b"))
	s.attach(t)
	before := s.refused(t)
	for _, from := range []string{"d", "e", "x"} {
		s.reachBoth(t, from, "f", testnet.ErrTimeout)
	}
	s.counted(t, before, 6, "default")
}

// external opens b to one address block of the world.
func external(v4, v6 string) string {
	return strings.NewReplacer("V4", v4, "V6", v6).Replace(`
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: external, namespace: shop}
spec:
  podSelector: {matchLabels: {app: b}}
  policyTypes: [Ingress]
  ingress: [{from: [{ipBlock: {cidr: V4}}, {ipBlock: {cidr: "V6"}}]}]
`)
}

// A client of a node port is judged by its own address, although a foreign rule will hide it
// behind the node's: it is never taken for the node.
func TestThreat038(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serveAll(t)
	targets := []string{"192.0.2.1:30080", "[2001:db8::1]:30080"}
	for _, masquerade := range []bool{false, true} {
		s.translate(t, nodePort, masquerade)
		try := func(from string, want error) {
			t.Helper()
			for _, target := range targets {
				s.reach(t, from, target, want)
			}
		}
		try("x", nil)
		for block, want := range map[[2]string]error{
			{"192.0.2.0/24", "2001:db8::/64"}:     nil,
			{"203.0.113.0/24", "2001:db8:9::/64"}: testnet.ErrTimeout,
			// The node's own addresses: what masquerading would show.
			{"10.1.0.1/32", "fd00:1::1/128"}:    testnet.ErrTimeout,
			{"192.0.2.1/32", "2001:db8::1/128"}: testnet.ErrTimeout,
		} {
			s.policies(t, external(block[0], block[1]))
			s.attach(t)
			try("x", want)
			try("e", testnet.ErrTimeout)
			s.uninstall(t)
		}
	}
}

// A balancer on the node changes nothing: the client's egress and the server's ingress both
// apply behind a Service's address.
func TestThreat040(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serveAll(t)
	for masquerade, list := range map[bool][]way{
		false: {{"a", "b"}, {"a", "d"}, {"e", "f"}}, true: {{"a", "b"}, {"e", "b"}},
	} {
		for _, w := range list {
			s.translate(t, vip(w.to), masquerade)
			try := func(want error) {
				t.Helper()
				for _, target := range vips {
					s.reach(t, w.from, target, want)
				}
			}
			if masquerade || w.to != "b" || w.from != "a" {
				try(nil)
			}
			s.attach(t)
			try(nil)
			for _, text := range []string{isolate(w.to), isolate(w.from), vipOnly(w.from)} {
				s.policies(t, text)
				s.apply(t)
				try(testnet.ErrTimeout)
			}
			s.policies(t, isolate(w.to)+admit(w.to, w.from, "[{port: 80}]"))
			s.apply(t)
			try(nil)
			s.policies(t, "")
			s.uninstall(t)
		}
	}
}

// vipOnly allows the address of the Service and not what is behind it: it allows nothing.
func vipOnly(name string) string {
	return isolate(name) + strings.ReplaceAll(`
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: vip, namespace: shop}
spec:
  podSelector: {matchLabels: {app: NAME}}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: 10.96.0.1/32}}, {ipBlock: {cidr: "fd00:96::1/128"}}]}]
`, "NAME", name)
}

// A container reaches its own address always, itself behind a Service only by policy, and others
// behind that Service by theirs.
func TestThreat041(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serveAll(t)
	for _, name := range []string{"b", "e"} {
		s.translate(t, vip(name), true)
		if bridge := places[name].bridge; bridge != "" {
			s.Run(t, "bridge", "link", "set", "dev", portOf(name), "hairpin", "on")
		}
		through := func(want error) {
			t.Helper()
			for _, target := range vips {
				s.reach(t, name, target, want)
			}
		}
		through(nil)
		s.attach(t)
		through(nil)
		s.policies(t, isolate(name))
		s.apply(t)
		s.reachBoth(t, name, name, nil)
		through(testnet.ErrTimeout)
		s.policies(t, isolate(name)+openEgress+admit(name, name, "[{port: 80}]"))
		s.apply(t)
		through(nil)
		s.translate(t, vip("d"), true)
		through(nil)
		s.policies(t, isolate("d"))
		s.apply(t)
		through(testnet.ErrTimeout)
		s.policies(t, "")
		s.uninstall(t)
	}
}
