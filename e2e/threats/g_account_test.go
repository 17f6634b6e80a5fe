// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/denials"
	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/journal"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

const quickAccount = closedBase + "denials: {interval: 1s}\n"

// Whenever the agent dies while packets are refused, the journal sums up to what the kernel has
// counted: nothing is told twice, and nothing is lost without being told.
func TestAccountSurvivesTheAgent(t *testing.T) {
	s := newSite(t)
	s.policies(t, peace)
	p := s.startAgent(t, quickAccount)
	s.add(t)
	stop := s.floods(t, "c", "b")
	for i, with := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL,
		syscall.SIGKILL, syscall.SIGKILL} {
		// At another moment of the window each time, and once before its first reading.
		time.Sleep(time.Duration(i*330+50) * time.Millisecond)
		_ = p.end(with)
		time.Sleep(200 * time.Millisecond)
		p = s.startAgent(t, quickAccount)
	}
	sent := stop()
	a := s.settledAccount(t)
	told := s.journalled(t)
	n, err := node.OpenReadOnly(s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	counters, err := n.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all uint64
	for key, count := range counters {
		c, err := flow.ParseCounter(key.Family.String(), key.Name)
		if err != nil {
			t.Errorf("counter %s: %v", key.Name, err)
		}
		if c.Overflow() || c.Word == "canary" {
			continue
		}
		all += count.Packets
		if told[c] != count.Packets {
			t.Errorf("%s: the journal tells %d packets, the kernel counted %d", key.Name, told[c],
				count.Packets)
		}
	}
	t.Logf("%d packets sent, %d counted: %+v", sent, all, a.Totals)
	if all < sent || sent < 1000 {
		t.Errorf("counted: got %d packets of %d that were sent, want all, and 1000 at least", all,
			sent)
	}
}

// floods sends packets to many ports until the function returned is called, which says how many.
func (s *site) floods(t *testing.T, from, to string) (stop func() (sent uint64)) {
	t.Helper()
	var c net.PacketConn
	var err error
	s.boxes[from].Do(func() { c, err = net.ListenPacket("udp4", "") })
	if err != nil {
		t.Fatal(err)
	}
	done, ended := make(chan struct{}), make(chan uint64)
	go func() {
		defer c.Close()
		for sent := uint64(0); ; sent++ {
			select {
			case <-done:
				ended <- sent
				return
			default:
			}
			port := uint16(3000 + sent%700)
			addr := net.UDPAddrFromAddrPort(netip.AddrPortFrom(v4(to), port))
			if _, err := c.WriteTo([]byte("flood"), addr); err != nil {
				t.Error(err)
			}
			time.Sleep(100 * time.Microsecond)
		}
	}()
	return func() uint64 { close(done); return <-ended }
}

// settledAccount waits until three readings have changed nothing.
func (s *site) settledAccount(t *testing.T) denials.Accounts {
	t.Helper()
	var last denials.Accounts
	same := 0
	s.await(t, "the account rests", func() bool {
		var a denials.Accounts
		if err := s.ask(t, agentapi.Request{Verb: agentapi.VerbDenials}, &a); err != nil {
			t.Fatal(err)
		}
		if a.Read == last.Read {
			return false
		}
		same++
		if a.Totals != last.Totals || a.Records != last.Records {
			same = 0
		}
		last = a
		return same >= 3
	})
	return last
}

// journalled are the packets that records tell of, as recorded or as lost.
func (s *site) journalled(t *testing.T) map[flow.Counter]uint64 {
	t.Helper()
	told := map[flow.Counter]uint64{}
	for r, err := range journal.Read(s.denials(), journal.Query{}) {
		if err != nil {
			t.Logf("journal: %v", err) // half a line of an agent that was killed
			continue
		}
		told[r.Counter] += r.Packets + r.Lost
	}
	return told
}
