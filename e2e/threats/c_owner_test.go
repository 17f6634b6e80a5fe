// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// A container that claims another's address is refused, and its coming and going harms neither
// the rules nor the running connections of the one that has it.
func TestThreat061(t *testing.T) {
	s := newSite(t)
	s.serveAll(t)
	s.policies(t, isolate("b")+openEgress+admit("b", "a", ""))
	s.attach(t, "a", "b")
	flow, err := s.boxes["a"].Open("tcp", "", "10.1.0.3:80", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer flow.Close()
	echoes(t, "at first", []*testnet.Conn{flow}, nil, 0)
	thief := s.attachment("c")
	thief.Endpoint.Addresses = append(thief.Endpoint.Addresses, v4("b"), v6("b"))
	for range 3 {
		n, err := node.Open(t.Context(), s.options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Attach(t.Context(), thief); !errors.Is(err, node.ErrConflict) {
			t.Errorf("attach: got %v, want %v", err, node.ErrConflict)
		}
		n.Close()
		s.detach(t, "c") // the runtime cleans up after the failure
		echoes(t, "after a failed claim", []*testnet.Conn{flow}, nil, time.Second)
	}
	s.attach(t, "c")
	s.reachBoth(t, "a", "b", nil)
	s.reachBoth(t, "c", "b", testnet.ErrTimeout)
	s.detach(t, "c")
	s.reachBoth(t, "a", "b", nil)
}

// heir is a container g in the place of b: its addresses, a link of its own.
func (s *site) heir(t testing.TB) endpoint.Attachment {
	t.Helper()
	box := s.AddContainer(t, "g")
	s.boxes["g"] = box
	p := s.AttachBridged(t, box, "br0", testnet.Plug{HostInterface: "veth-g", MAC: "02:00:00:00:00:67",
		Addresses: []string{"10.1.0.3/24", "fd00:1::3/64"}, Gateways: gateways["br0"]})
	s.plugs["g"] = p
	id := strings.Repeat("g", 12)
	return endpoint.Attachment{
		Endpoint: policy.Endpoint{ID: endpoint.ID(id, "eth0"), Namespace: "shop", Name: "g",
			Interface: "eth0", Labels: map[string]string{"app": "g"}, Addresses: p.Addresses},
		ContainerID: id, NetworkName: "test", HostInterface: p.HostInterface, Bridge: p.Bridge,
		MAC: p.MAC.String(), Created: time.Now().UTC().Round(0)}
}

// knock sends datagrams from one local port to an address until it is told to stop.
func (s *site) knock(t testing.TB, from string, to netip.AddrPort) (stop func()) {
	t.Helper()
	local := net.UDPAddrFromAddrPort(portAt(from, to.Addr().Is6(), 4000))
	var conn *net.UDPConn
	var err error
	s.boxes[from].Do(func() { conn, err = net.ListenUDP("udp", local) })
	if err != nil {
		t.Fatal(err)
	}
	var done atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer conn.Close()
		for !done.Load() {
			conn.WriteToUDPAddrPort([]byte("knock\n"), to)
			time.Sleep(500 * time.Microsecond)
		}
	}()
	return func() { done.Store(true); <-ended }
}

// The next owner of an address inherits nothing, although the clients of the former one never
// stop sending, nor does it get the former one's rights.
func TestThreat062(t *testing.T) {
	for _, called := range []bool{true, false} {
		s := newSite(t)
		s.serveAll(t)
		s.boxes["b"].Serve(t, "udp", 90)
		// c admits b alone; b admits a, its heir g nobody.
		s.policies(t, isolate("b")+isolate("g")+isolate("c")+openEgress+admit("b", "a", "")+
			admit("c", "b", ""))
		s.attach(t)
		s.reachBoth(t, "b", "c", nil)
		stop4 := s.knock(t, "a", portAt("b", false, 90))
		stop6 := s.knock(t, "a", portAt("b", true, 90))
		if err := s.boxes["a"].Dial("udp", "10.1.0.3:90", time.Second); err != nil {
			t.Fatal(err)
		}
		s.Run(t, "ip", "link", "del", portOf("b"))
		began := time.Now()
		if called {
			s.detach(t, "b")
		}
		heir := s.heir(t)
		server := s.boxes["g"].Serve(t, "udp", 90)
		s.operate(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
			return n.Attach(ctx, heir)
		})
		t.Logf("DEL called %t: the heir was in force after %s", called, time.Since(began))
		time.Sleep(promptly)
		stop4()
		stop6()
		for _, got := range server.Received() {
			t.Errorf("DEL called %t: the heir received %q from %s", called, got.Data, got.From)
		}
		for _, target := range []string{"10.1.0.4:80", "[fd00:1::4]:80"} {
			s.reach(t, "g", target, testnet.ErrTimeout)
		}
		s.boxes["g"].Serve(t, "tcp", 81)
		s.reach(t, "a", "10.1.0.3:81", testnet.ErrTimeout)
		s.reach(t, "g", "10.8.0.2:80", nil)
		s.forgetNeighbours(t)
	}
}

// A container that sends from its first moment gets nothing out before its rules are there: the
// closed base was loaded at boot.
func TestThreat055(t *testing.T) {
	for _, name := range []string{"a", "e"} {
		s := newSite(t)
		s.manage(t, managed)
		victim := s.boxes["d"].Serve(t, "udp", 90)
		s.policies(t, isolate(name)+admit("d", "f", ""))
		s.attach(t, "d", "f")
		stop := []func(){s.knock(t, name, portAt("d", false, 90)),
			s.knock(t, name, portAt("d", true, 90))}
		time.Sleep(promptly)
		s.attach(t, name)
		time.Sleep(promptly)
		for _, f := range stop {
			f()
		}
		if got := victim.Received(); len(got) > 0 {
			t.Errorf("%s to d: %d datagrams arrived", name, len(got))
		}
		s.policies(t, "")
		s.apply(t)
		if err := s.boxes[name].Dial("udp", "10.8.0.2:90", time.Second); err != nil {
			t.Errorf("%s to d when allowed: %v", name, err)
		}
	}
}

// The last policies stay with running containers when their files cannot be read, and when a file
// is damaged; only a document that is really gone is.
func TestThreat064(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.policies(t, isolate("b"))
	s.attach(t)
	s.reachBoth(t, "a", "b", testnet.ErrTimeout)
	s.policies(t, strings.Replace(isolate("b"), "podSelector", "podSelektor", 1))
	s.apply(t)
	s.reachBoth(t, "a", "b", testnet.ErrTimeout)
	s.policies(t, "{{{")
	s.apply(t)
	s.reachBoth(t, "a", "b", testnet.ErrTimeout)
	s.policies(t, "")
	s.apply(t)
	s.reachBoth(t, "a", "b", nil)
}
