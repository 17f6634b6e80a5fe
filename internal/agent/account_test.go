// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/denials"
	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/journal"
	"github.com/bulkhead-net/bulkhead/internal/nflog"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// keepsAccount makes the site's agents record what is refused, with rounds as short as a test.
func (s *site) keepsAccount(t *testing.T) {
	t.Helper()
	s.options.Denials = denials.Options{Dir: filepath.Join(t.TempDir(), "denials"),
		Interval: 300 * time.Millisecond}
}

func (s *site) accounts(t *testing.T) denials.Accounts {
	t.Helper()
	var a denials.Accounts
	if err := s.ask(t, agentapi.Request{Verb: agentapi.VerbDenials}, &a); err != nil {
		t.Fatalf("denials: %v", err)
	}
	return a
}

// records are those of the journal.
func (s *site) records(t *testing.T) []flow.Record {
	t.Helper()
	var out []flow.Record
	for r, err := range journal.Read(s.options.Denials.Dir, journal.Query{}) {
		if err != nil {
			t.Fatalf("journal: %v", err)
		}
		out = append(out, r)
	}
	return out
}

// balanced waits until nothing moves any more and holds the journal to the kernel: each counter is
// the sum of the records that name it, and of what is told as lost.
func (s *site) balanced(t *testing.T) denials.Accounts {
	t.Helper()
	s.settled(t)
	told := map[flow.Counter]uint64{}
	for _, r := range s.records(t) {
		told[r.Counter] += r.Packets + r.Lost
	}
	a := s.accounts(t)
	for _, c := range a.Counters {
		if c.Counted != c.Recorded+c.Lost+c.Unlogged && !c.Counter.Overflow() {
			t.Errorf("%s: got %+v, want counted = recorded + lost + unlogged", c.Counter.Name(),
				c.Balance)
		}
		if c.Counter.Overflow() || c.Counter.Silent() {
			continue
		}
		if got := told[c.Counter] - c.Misattributed; got != c.Counted {
			t.Errorf("%s: the journal tells %d packets, the kernel counted %d (%+v)",
				c.Counter.Name(), got, c.Counted, c.Balance)
		}
	}
	return a
}

// settled waits for three rounds that change nothing.
func (s *site) settled(t *testing.T) {
	t.Helper()
	same, last := 0, denials.Accounts{}
	// A full set takes seconds to read with the race detector at work.
	s.awaitFor(t, time.Minute, "rest", func() bool {
		a := s.accounts(t)
		if a.Read == last.Read {
			return false
		}
		same++
		if !slices.Equal(a.Counters, last.Counters) || a.Records != last.Records {
			same = 0
		}
		last = a
		return same >= 3
	})
}

// A packet that is refused is in the journal at once, with the names of its ends and the policy.
func TestFirstDenialIsTold(t *testing.T) {
	s := newSite(t)
	s.keepsAccount(t)
	s.start(t)
	s.write(t, "b.yaml", bClosed)
	s.attach(t, "a", "b", "c", "x")
	var took []time.Duration
	for port := range 15 {
		began := time.Now()
		go s.boxes["a"].Dial("tcp", fmt.Sprintf("10.1.0.3:%d", 1000+port), 10*time.Millisecond)
		took = append(took, s.await(t, "record", func() bool {
			return slices.ContainsFunc(s.records(t), func(r flow.Record) bool {
				return r.Port == uint16(1000+port)
			})
		}))
		t.Logf("port %d: %v", 1000+port, time.Since(began))
	}
	slices.Sort(took)
	if median := took[len(took)/2]; median > 250*time.Millisecond {
		t.Errorf("time from packet to journal: got %v at the median, want 250ms", median)
	}
	records := s.records(t)
	first := slices.IndexFunc(records, func(r flow.Record) bool { return r.Port == 1000 })
	r := records[first]
	if r.Client.Name != "a" || r.Server.Name != "b" || r.Kind != flow.Denied ||
		r.Reason != flow.ReasonDefaultDeny || len(r.Isolating) != 1 || r.Isolating[0].Name != "b" ||
		r.ID == "" || r.Sequence == 0 || r.Agent == "" || r.Node == "" || r.Boot == "" ||
		len(r.Policies) != 64 {
		t.Errorf("got %+v, want a's packet to b refused by default by policy b", r)
	}
	if a := s.balanced(t); a.Totals.Denied.Lost != 0 || a.Totals.Denied.Recorded < 15 {
		t.Errorf("got %+v, want nothing lost of at least 15 packets", a.Totals)
	}
}

// Whatever is refused, and however much, the journal and the kernel agree.
func TestNothingIsLostUntold(t *testing.T) {
	s := newSite(t)
	s.keepsAccount(t)
	stop := s.start(t)
	s.write(t, "b.yaml", bClosed)
	s.attach(t, "a", "b", "c", "x")
	for range 3 {
		s.flood(t, "a", 4000)
	}
	// More flows than the kernel notes, and more packets of them than it samples.
	if a := s.balanced(t); a.Totals.Overflow == 0 || a.Totals.Denied.Lost == 0 ||
		a.Totals.Denied.Recorded < a.Totals.Denied.Lost/10 {
		t.Errorf("got %+v, want some packets lost, and most recorded", a.Totals)
	}
	stop()
	s.flood(t, "a", 2000) // nobody looks
	s.start(t)
	if a := s.balanced(t); a.Totals.Denied.Counted < 10000 {
		t.Errorf("got %d packets counted, want the flood", a.Totals.Denied.Counted)
	}
}

// A set that is full takes no more flows: what it cannot note is told as lost.
func TestFullSetsAreToldAsLoss(t *testing.T) {
	s := newSite(t)
	s.keepsAccount(t)
	s.start(t)
	s.write(t, "b.yaml", bClosed)
	s.attach(t, "a", "b")
	var elements strings.Builder
	for i := range 1 << 16 {
		fmt.Fprintf(&elements, "192.0.%d.%d . 192.0.2.1 . udp . 1, ", i>>8, i&255)
	}
	s.net.Nft(t, "add element ip bulkhead denied-ingress { "+elements.String()+" }")
	s.flood(t, "a", 3000)
	if a := s.balanced(t); a.Totals.Overflow < 2900 || a.Totals.Denied.Lost < 2000 {
		t.Errorf("got %+v, want nearly all packets not noted, and lost", a.Totals)
	}
}

// A policy that goes while its packets are refused takes nothing of them along untold.
func TestGroupsThatGoAreCountedToTheEnd(t *testing.T) {
	s := newSite(t)
	s.keepsAccount(t)
	s.start(t)
	s.write(t, "b.yaml", bClosed)
	s.attach(t, "a", "b", "x")
	enough, done := make(chan struct{}), make(chan int)
	go func() {
		for sent := 0; ; sent += 200 {
			select {
			case <-enough:
				done <- sent
				return
			case <-time.After(5 * time.Millisecond):
				s.flood(t, "a", 200)
			}
		}
	}()
	for i := range 4 {
		s.write(t, "b.yaml", strings.Replace(bClosed, "name: b", fmt.Sprintf("name: b%d", i), 1))
		time.Sleep(1200 * time.Millisecond)
	}
	close(enough)
	sent := <-done
	s.settled(t)
	a := s.accounts(t)
	var told, lost uint64
	for _, r := range s.records(t) {
		told, lost = told+r.Packets, lost+r.Lost
	}
	// Of a flow that two groups refused in one window it is not known by which how often: what is
	// told of one and was counted by the other is a number of its own.
	d := a.Totals.Denied
	if told != d.Recorded+d.Misattributed || lost < d.Lost {
		t.Errorf("the journal tells %d packets and %d lost, want those of %+v", told, lost, d)
	}
	if d.Recorded+d.Lost != d.Counted {
		t.Errorf("balance: got %+v, want all that was counted either recorded or lost", d)
	}
	groups := map[string]bool{}
	for _, c := range a.Counters {
		if c.Counted > 0 && c.Counter.Kind == "ingress" {
			groups[c.Counter.Group] = true
		}
	}
	if len(groups) < 3 {
		t.Errorf("groups that counted: got %d, want several", len(groups))
	}
	if a.Totals.Denied.Counted < uint64(sent) || sent < 2000 {
		t.Errorf("counted: got %+v of %d packets, want all, and 2000 at least", a.Totals.Denied, sent)
	}
	s.await(t, "counters of old groups are removed", func() bool {
		return strings.Count(s.net.Run(t, "nft", "list", "counters", "table", "ip", "bulkhead"),
			"counter ingress-") <= strings.Count(s.net.Run(t, "nft", "list", "chains", "ip"),
			"chain deny-ingress-")*3
	})
}

// Another program that reads the log takes the samples away, and nothing else.
func TestAnotherReaderOfTheLog(t *testing.T) {
	s := newSite(t)
	s.keepsAccount(t)
	other, err := nflog.Open(nflog.Options{NetNS: s.net.FD(), Group: 4711})
	if err != nil {
		t.Fatal(err)
	}
	s.boxes["b"].Serve(t, "tcp", 80)
	s.start(t)
	s.write(t, "b.yaml", onlyAReachesB)
	s.attach(t, "a", "b", "x")
	s.reach(t, "a", bAt, nil)
	s.reach(t, "x", bAt, testnet.ErrTimeout)
	d := s.summary(t).Denials
	if d == nil || d.Log.Ready || !strings.Contains(d.Log.Reason, "somebody else reads it") {
		t.Errorf("log: got %+v, want it not ready, with the reason", d)
	}
	if a := s.balanced(t); a.Totals.Denied.Recorded == 0 {
		t.Errorf("got %+v, want records of the kernel's own numbers", a.Totals)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	s.await(t, "the log is read", func() bool { return s.summary(t).Denials.Log.Ready })
}

// A directory that takes nothing is told, costs records and nothing else, and is used again.
func TestDirectoryTakesNothing(t *testing.T) {
	s := newSite(t)
	s.keepsAccount(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	dir := s.options.Denials.Dir
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // in the place of the directory
		t.Fatal(err)
	}
	s.start(t)
	s.write(t, "b.yaml", onlyAReachesB)
	s.attach(t, "a", "b", "x")
	s.reach(t, "a", bAt, nil)
	s.reach(t, "x", bAt, testnet.ErrTimeout)
	s.await(t, "the journal is not ready", func() bool {
		d := s.summary(t).Denials
		return !d.Journal.Ready && d.Journal.Missed > 0 && !d.Spool.Ready && !d.State.Ready
	})
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	s.await(t, "all works", func() bool {
		s.boxes["x"].Dial("tcp", bAt, 10*time.Millisecond)
		d := s.summary(t).Denials
		return len(d.NotReady()) == 0
	})
}

// A disk that is full costs the records of that time, and they are counted.
func TestDiskIsFull(t *testing.T) {
	s := newSite(t)
	s.keepsAccount(t)
	dir := t.TempDir()
	if err := unix.Mount("denials", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s.options.Denials.Dir = filepath.Join(dir, "denials")
	s.start(t)
	s.write(t, "b.yaml", bClosed)
	s.attach(t, "a", "b")
	fill := filepath.Join(dir, "fill")
	if err := os.WriteFile(fill, make([]byte, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("fill the disk: got %v, want %v", err, unix.ENOSPC)
	}
	s.flood(t, "a", 2000)
	s.await(t, "the disk is told", func() bool {
		d := s.summary(t).Denials
		return strings.Contains(d.Journal.Reason, "no space") && d.Journal.Missed > 0
	})
	s.reach(t, "a", bAt, testnet.ErrTimeout)
	if r := s.ready(t); len(r.Missing) > 0 {
		t.Errorf("got %q missing, want an agent that is ready", r.Missing)
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	s.await(t, "all works", func() bool {
		s.boxes["a"].Dial("tcp", bAt, 10*time.Millisecond)
		d := s.summary(t).Denials
		return len(d.NotReady()) == 0
	})
}

// An agent that ends leaves nothing running and nothing open.
func TestAccountLeavesNothingBehind(t *testing.T) {
	s := newSite(t)
	s.keepsAccount(t)
	s.write(t, "b.yaml", bClosed)
	life := func() {
		stop := s.start(t)
		s.attach(t, "a", "b")
		s.flood(t, "a", 200)
		s.settled(t)
		stop()
	}
	held := func() (goroutines, files int) {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return runtime.NumGoroutine(), len(entries)
	}
	life() // what is opened once and stays
	goroutines, files := held()
	for range 3 {
		life()
	}
	s.await(t, "nothing is left", func() bool {
		g, f := held()
		return g <= goroutines && f <= files
	})
}

// flood sends UDP to many ports of b, and a few packets to one.
func (s *site) flood(t *testing.T, from string, packets int) {
	t.Helper()
	s.boxes[from].Do(func() {
		if err := flood("10.1.0.3", packets); err != nil && !errors.Is(err, testnet.ErrTimeout) {
			t.Errorf("flood: %v", err)
		}
	})
}
