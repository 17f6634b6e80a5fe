// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// doors counts what the probes did.
type doors struct{ closed, open, broken atomic.Int64 }

// proveProbes shows that every knock arrives while nothing protects the doors.
func (s *site) proveProbes(t *testing.T) {
	t.Helper()
	for _, from := range s.strangers {
		for _, name := range s.names() {
			if name == from {
				continue
			}
			for _, a := range s.plugs[name].Addresses {
				to := netip.AddrPortFrom(a, port).String()
				if err := s.boxes[from].Dial("udp", to, time.Second); err != nil {
					t.Fatalf("unprotected: %s -> %s %s: %v", from, name, to, err)
				}
			}
		}
	}
}

// knock starts the probes: the intruder and the stowaway send to every door over both families
// without a pause, and the friend keeps talking to the vault.
func (s *site) knock(t *testing.T, stop <-chan struct{}, group *sync.WaitGroup) *doors {
	t.Helper()
	d := &doors{}
	for _, from := range s.strangers {
		for _, name := range s.names() {
			if name == from {
				continue
			}
			for _, a := range s.plugs[name].Addresses {
				c := s.socket(t, from, a)
				group.Go(func() { d.send(stop, c, from) })
			}
		}
	}
	for _, a := range s.plugs["vault"].Addresses {
		to := netip.AddrPortFrom(a, port).String()
		c, err := s.boxes["friend"].Open("udp", "", to, time.Second)
		if err != nil {
			t.Fatalf("open door: %v", err)
		}
		group.Go(func() { d.walk(t, stop, c) })
	}
	return d
}

// socket opens a UDP socket inside a container, bound to nothing, towards a door.
func (s *site) socket(t *testing.T, from string, to netip.Addr) net.Conn {
	t.Helper()
	var c net.Conn
	var err error
	s.boxes[from].Do(func() {
		c, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, port)))
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (d *doors) send(stop <-chan struct{}, c net.Conn, from string) {
	defer c.Close()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
		// An error is an answer of the network to an earlier knock; knocking goes on.
		if _, err := fmt.Fprintf(c, "%s %d\n", from, i); err == nil {
			d.closed.Add(1)
		}
	}
}

func (d *doors) walk(t *testing.T, stop <-chan struct{}, c *testnet.Conn) {
	defer c.Close()
	for {
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
		d.open.Add(1)
		if err := c.Echo(2 * time.Second); err != nil {
			d.broken.Add(1)
			t.Logf("open door: %v", err)
		}
	}
}

// churn is one worker: it owns two slots and, like the others, edits policies now and then.
func (s *site) churn(t *testing.T, dice *rand.Rand, worker int, end time.Time) {
	mine := []string{fmt.Sprintf("slot%d", 2*worker), fmt.Sprintf("slot%d", 2*worker+1)}
	for time.Now().Before(end) {
		name := mine[dice.IntN(2)]
		switch dice.IntN(10) {
		case 0, 1, 2:
			s.step(t, dice, s.plugin("ADD", name))
		case 3, 4, 5:
			s.step(t, dice, s.plugin("DEL", name))
		case 6:
			s.readd(t, name)
		case 7:
			s.writePolicies(t, fmt.Sprintf("slot%d", dice.IntN(slots)))
			s.step(t, dice, s.ctl("apply"))
		default:
			s.step(t, dice, s.ctl("apply"))
		}
	}
}

// step runs an operation and kills every third one at a random moment of its life.
func (s *site) step(t *testing.T, dice *rand.Rand, o operation) {
	if dice.IntN(3) == 0 {
		o.run(time.Duration(dice.IntN(40_000)) * time.Microsecond)
		return
	}
	if out, err := o.run(0); err != nil {
		t.Errorf("%s %v %v: %v\n%s", o.name, o.args, o.env, err, out)
	}
}

// readd is what a runtime does after a crash: DEL, then ADD, both of which must work.
func (s *site) readd(t *testing.T, name string) {
	for _, verb := range []string{"DEL", "ADD"} {
		if out, err := s.plugin(verb, name).run(0); err != nil {
			t.Errorf("%s %s: %v\n%s", verb, name, err, out)
		}
	}
}
