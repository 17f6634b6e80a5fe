// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"errors"
	"fmt"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// toHost is a policy of all containers about the node; rules come before the one that denies.
func toHost(rules string) string {
	return `
---
apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: to-host}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  egress:` + rules + `
  - {action: Deny, to: [{entity: Host}]}
`
}

// TestThreat035: a resolver on the node would carry a container's questions, and its secrets in
// them, out of a network that has no way out. Whoever may not reach the node does not reach its
// resolver either, under any of its addresses; whoever may ask it, may do nothing else.
func TestThreat035(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, proto := range []string{"udp", "tcp"} {
		s.Serve(t, proto, 53)
	}
	s.Serve(t, "udp", 5353)
	addresses := []string{"10.1.0.1", "192.0.2.1", "[fd00:8::1]", "[2001:db8::1]"}
	ask := func(proto string, port int, want error) {
		t.Helper()
		for _, from := range []string{"a", "e"} {
			for _, address := range addresses {
				to := fmt.Sprintf("%s:%d", address, port)
				if err := s.boxes[from].Dial(proto, to, 0); !errors.Is(err, want) {
					t.Errorf("%s asks %s/%s: got %v, want %v", from, to, proto, err, want)
				}
			}
		}
	}
	ask("udp", 53, nil)
	ask("tcp", 53, nil)
	s.policies(t, isolate("a")+isolate("e")+toHost(""))
	s.attach(t)
	before := s.refused(t)
	ask("udp", 53, testnet.ErrTimeout)
	ask("tcp", 53, testnet.ErrTimeout)
	s.counted(t, before, 4*len(addresses), "rule")
	s.policies(t, isolate("a")+isolate("e")+toHost(`
  - {action: Accept, to: [{entity: Host}], protocols: [{udp: {destinationPort: {number: 53}}}]}`))
	s.apply(t)
	ask("udp", 53, nil)
	ask("tcp", 53, testnet.ErrTimeout)
	ask("udp", 5353, testnet.ErrTimeout)
}

// TestThreat077: a Service leads where its author could not go: the node's loopback, its own and
// its link-local addresses, somebody else's container. Policy judges where the connection really
// goes, so a Service gives nobody a new reach.
func TestThreat077(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serveAll(t)
	s.Serve(t, "tcp", 80)
	for _, link := range []string{"br0", "veth-e"} {
		s.Sysctl(t, "net/ipv4/conf/"+link+"/route_localnet", "1")
	}
	targets := []string{"127.0.0.1:80", "127.0.0.53:80", "169.254.1.1:80", "192.0.2.1:80",
		"10.8.0.1:80", "10.1.0.3:80"}
	each := func(want error) {
		t.Helper()
		for _, target := range targets {
			s.translate(t, "ip daddr 10.96.0.1 tcp dport 80 dnat ip to "+target, false)
			for _, from := range []string{"a", "e"} {
				if got := s.boxes[from].Dial("tcp", "10.96.0.1:80", 0); !errors.Is(got, want) {
					t.Errorf("%s to a Service that leads to %s: got %v, want %v", from, target, got, want)
				}
			}
		}
	}
	each(nil)
	s.policies(t, isolate("b")+toHost(""))
	s.attach(t)
	s.counts(t, func() { each(testnet.ErrTimeout) }, "loopback")
	// What its author may reach, it reaches through the Service.
	s.translate(t, vip("f"), false)
	for _, address := range vips {
		s.reach(t, "a", address, nil)
	}
}
