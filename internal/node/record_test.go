// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

const recordedAtB = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: b, namespace: shop, annotations: {bulkhead.dev/log: all}}
spec:
  podSelector: {matchLabels: {app: b}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: a}}}]
`

// allowed sums the records of accepted connections.
func (s *site) allowed(t *testing.T) (sum int) {
	t.Helper()
	s.look(t, func(n *node.Node) {
		for key, c := range counters(t, n) {
			if strings.HasSuffix(key.Name, "-allow") {
				sum += int(c.Packets)
			}
		}
	})
	return sum
}

// Each new connection that a rule with log All accepts is counted once, also beyond the rate of the
// samples and with a set that takes no more keys. A connection that runs on over a new epoch is no
// new one, answered or not.
func TestAcceptedConnectionsAreRecorded(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.policies(t, recordedAtB)
	s.attach(t, "a")
	s.attach(t, "b")
	s.reach(t, "a", "10.1.0.3:80", nil)
	s.reach(t, "a", "[fd00:1::3]:80", nil)
	if got := s.allowed(t); got != 2 {
		t.Errorf("got %d recorded, want 2", got)
	}
	for range 100 {
		s.reach(t, "a", "10.1.0.3:80", nil)
	}
	conn, err := s.boxes["a"].Open("tcp", "", "10.1.0.3:80", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	listener, sender := s.listens(t)
	send := func() {
		t.Helper()
		for range 3 {
			if _, err := sender.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if _, _, err := listener.ReadFrom(make([]byte, 8)); err != nil {
				t.Fatal(err)
			}
		}
	}
	send()
	if got := s.allowed(t); got != 104 {
		t.Errorf("got %d recorded, want 104", got)
	}
	if r := s.attach(t, "c"); !r.Flipped {
		t.Errorf("got %+v, want a new epoch", r)
	}
	send()
	if err := conn.Echo(0); err != nil {
		t.Errorf("connection over a new epoch: %v", err)
	}
	if got := s.allowed(t); got != 104 {
		t.Errorf("got %d recorded after a new epoch, want 104", got)
	}
	var b strings.Builder
	for i := range 65536 {
		fmt.Fprintf(&b, "10.9.%d.%d limit rate 10/second burst 50 packets,\n", i>>8, i&255)
	}
	s.net.Nft(t, "flush set ip bulkhead log-limit-allow\nadd element ip bulkhead log-limit-allow {"+
		b.String()+"}")
	s.reach(t, "a", "10.1.0.3:80", nil)
	s.reach(t, "c", "10.1.0.3:80", testnet.ErrTimeout)
	if got := s.allowed(t); got != 105 {
		t.Errorf("got %d recorded with a full set, want 105", got)
	}
}

// listens is a socket of b that only listens and one of a that sends to it.
func (s *site) listens(t *testing.T) (listener net.PacketConn, sender net.Conn) {
	t.Helper()
	var err error
	s.boxes["b"].Do(func() { listener, err = net.ListenPacket("udp", "10.1.0.3:90") })
	if err == nil {
		s.boxes["a"].Do(func() { sender, err = net.Dial("udp", "10.1.0.3:90") })
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close(); sender.Close() })
	return listener, sender
}
