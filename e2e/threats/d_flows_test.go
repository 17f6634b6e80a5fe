// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// kept opens flows of both protocols and families on each way, to port 80.
func (s *site) kept(t testing.TB, ways []way) []*testnet.Conn {
	t.Helper()
	var flows []*testnet.Conn
	for _, w := range ways {
		for _, six := range both {
			for _, proto := range []string{"tcp", "udp"} {
				c, err := s.boxes[w.from].Open(proto, "", portAt(w.to, six, 80).String(), 0)
				if err != nil {
					t.Fatalf("%s-%s: %v", w.from, w.to, err)
				}
				t.Cleanup(c.Close)
				flows = append(flows, c)
			}
		}
	}
	return flows
}

// An edit of a file, and nothing else, cuts the flows that it forbids: in both directions, TCP and
// UDP. No later change brings them back but one that allows them; the others go on.
func TestThreat056Agent(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"b", "d", "e"} {
		s.boxes[name].Serve(t, "tcp", 80)
		s.boxes[name].Serve(t, "udp", 80)
	}
	open := isolate("b") + isolate("d") + isolate("e") + admit("b", "a", "") + admit("d", "a", "") +
		admit("e", "f", "")
	s.policies(t, open)
	s.startAgent(t, closedBase)
	s.add(t)
	ways := []way{{"a", "b"}, {"a", "d"}, {"f", "e"}}
	flows := s.kept(t, ways)
	server := s.accept(t, "b", 90)
	client := s.stream(t, "a", portAt("b", false, 90))
	push := <-server
	heard := func() bool {
		if _, err := push.Write([]byte("push\n")); err != nil {
			t.Fatal(err)
		}
		client.SetReadDeadline(time.Now().Add(promptly))
		_, err := client.Read(make([]byte, 100))
		return err == nil
	}
	echoes(t, "allowed", flows, nil, time.Second)
	if !heard() {
		t.Fatal("allowed: the server is not heard")
	}
	kept := s.kept(t, []way{{"f", "e"}})
	follow := func(text string) time.Duration {
		t.Helper()
		before := s.summary(t).Generation
		began := time.Now()
		s.edit(t, text)
		s.await(t, "the edit is followed", func() bool { return s.summary(t).Generation > before })
		return time.Since(began)
	}
	narrow := isolate("b") + isolate("d") + isolate("e") + admit("e", "f", "")
	if took := follow(narrow); took > time.Second {
		t.Errorf("edit: followed within %v, want %v", took, time.Second)
	}
	cut := flows[:8]
	for _, text := range []string{"", isolate("c"), isolate("c") + isolate("f") + openEgress} {
		if text != "" {
			follow(narrow + text)
		}
		echoes(t, "forbidden", cut, testnet.ErrTimeout, 0)
		if heard() {
			t.Error("forbidden: the server is heard")
		}
		echoes(t, "still allowed", kept, nil, time.Second)
	}
	follow(open)
	echoes(t, "allowed again", flows, nil, patience)
}

// inherited are the policies of the next two tests: b admits a, c admits b, and g nobody.
var inherited = isolate("b") + isolate("g") + isolate("c") + openEgress + admit("b", "a", "") +
	admit("c", "b", "")

// A container that changes its address, through the agent: the flows of the old one end, the new
// one has the rights, and when it comes back, only what begins anew passes.
func TestThreat062Moved(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.boxes["b"].Serve(t, "udp", 80)
	s.policies(t, inherited)
	s.startAgent(t, closedBase)
	s.add(t)
	flows := s.kept(t, []way{{"a", "b"}})
	echoes(t, "at first", flows, nil, time.Second)
	moved := []netip.Addr{netip.MustParseAddr("10.1.0.33"), netip.MustParseAddr("fd00:1::33")}
	s.boxes["b"].Run(t, "ip", "addr", "add", "10.1.0.33/24", "dev", "eth0")
	s.boxes["b"].Run(t, "ip", "addr", "add", "fd00:1::33/64", "dev", "eth0")
	old := s.plugs["b"]
	at := old
	at.Addresses = moved
	s.plugs["b"] = at
	s.add(t, "b")
	for _, addr := range moved {
		to := netip.AddrPortFrom(addr, 80).String()
		s.reach(t, "a", to, nil)
		s.reach(t, "f", to, testnet.ErrTimeout)
	}
	echoes(t, "to the address it had", flows, testnet.ErrTimeout, 0)
	s.plugs["b"] = old
	s.add(t, "b")
	for _, addr := range moved {
		s.reach(t, "a", netip.AddrPortFrom(addr, 80).String(), testnet.ErrTimeout)
	}
	// What was forgotten is mid-stream for good with TCP, and a new flow with UDP.
	for i, flow := range flows {
		want := []error{testnet.ErrTimeout, nil}[i%2]
		if err := flow.Echo(0); !errors.Is(err, want) {
			t.Errorf("flow %d to the address it has again: got %v, want %v", i, err, want)
		}
	}
}

// Who comes after a container, through the agent: its client goes on sending, and the heir of its
// address gets neither the flows nor the rights.
func TestThreat062Agent(t *testing.T) {
	s := newSite(t)
	s.serveAll(t)
	s.boxes["b"].Serve(t, "udp", 90)
	s.policies(t, inherited)
	s.startAgent(t, closedBase)
	s.add(t)
	s.reachBoth(t, "b", "c", nil)
	stop4 := s.knock(t, "a", portAt("b", false, 90))
	stop6 := s.knock(t, "a", portAt("b", true, 90))
	if err := s.boxes["a"].Dial("udp", "10.1.0.3:90", time.Second); err != nil {
		t.Fatal(err)
	}
	s.del(t, "b")
	s.Run(t, "ip", "link", "del", portOf("b"))
	s.heir(t)
	server := s.boxes["g"].Serve(t, "udp", 90)
	s.add(t, "g")
	time.Sleep(promptly)
	stop4()
	stop6()
	for _, got := range server.Received() {
		t.Errorf("the heir received %q from %s", got.Data, got.From)
	}
	for _, target := range []string{"10.1.0.4:80", "[fd00:1::4]:80"} {
		s.reach(t, "g", target, testnet.ErrTimeout)
	}
	s.boxes["g"].Serve(t, "tcp", 81)
	s.reach(t, "a", "10.1.0.3:81", testnet.ErrTimeout)
	s.reach(t, "g", "10.8.0.2:80", nil)
}
