// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// counted is a guarded site whose counters somebody reads.
func counted(t *testing.T) *site {
	t.Helper()
	s := guarded(t)
	s.options.RetainCounters = true
	return s
}

// version is the policy of guarded under another name: another group, which refuses alike.
func version(i int) string {
	return strings.Replace(onlyAReachesB, "name: b,", fmt.Sprintf("name: b%d,", i), 1)
}

// knock sends datagrams from c to b, which refuses them, and returns how many.
func (s *site) knock(t *testing.T, n int) int {
	t.Helper()
	var conn net.Conn
	s.boxes["c"].Do(func() {
		var err error
		if conn, err = net.Dial("udp", "10.1.0.3:9"); err != nil {
			t.Fatal(err)
		}
	})
	defer conn.Close()
	for range n {
		if _, err := conn.Write([]byte("knock")); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// refused sums the counters of everything that IPv4 packets were refused by.
func refused(counts map[nft.CounterKey]nft.Count) int {
	var sum uint64
	for key, c := range counts {
		if key.Family == ruleset.IP && (strings.HasPrefix(key.Name, "ingress-") ||
			strings.HasPrefix(key.Name, "drop-")) {
			sum += c.Packets
		}
	}
	return int(sum)
}

func counters(t *testing.T, n *node.Node) map[nft.CounterKey]nft.Count {
	t.Helper()
	found, err := n.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func retention(t *testing.T, n *node.Node) node.Retention {
	t.Helper()
	r, err := n.Retained()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// look runs f with the site's node, as one process.
func (s *site) look(t *testing.T, f func(*node.Node)) {
	t.Helper()
	s.do(t, func(_ context.Context, n *node.Node) (node.Report, error) {
		f(n)
		return node.Report{}, nil
	})
}

// Packets are refused while the group that refuses them is replaced again and again. What was
// sent is what the counters say, those of groups that are gone and those of the last one together.
func TestCountsOutliveTheirGroup(t *testing.T) {
	s := counted(t)
	s.look(t, func(n *node.Node) {
		before := refused(counters(t, n))
		stop, sent := make(chan struct{}), make(chan int)
		go func() {
			total := 0
			for {
				select {
				case <-stop:
					sent <- total
					return
				default:
					total += s.knock(t, 50)
				}
			}
		}()
		for i := range 12 {
			s.policies(t, version(i))
			if err := n.Reload(); err != nil {
				t.Error(err)
			}
			if _, err := n.Apply(t.Context()); err != nil {
				t.Error(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
		close(stop)
		want := <-sent
		time.Sleep(10 * time.Millisecond)
		if got := refused(counters(t, n)) - before; got != want || want < 1000 {
			t.Errorf("got %d counted, want the %d that were sent, and no fewer than 1000", got, want)
		}
		groups := map[string]bool{}
		now := counters(t, n)
		for _, c := range retention(t, n).Counters {
			if now[nft.CounterKey{Family: c.Family, Name: c.Name}].Packets > 0 {
				groups[c.Name] = true
			}
		}
		if len(groups) < 6 {
			t.Errorf("got %d groups that are gone and have counted, want 6", len(groups))
		}
	})
}

// What was read is forgotten, what has counted since is not, and the kernel loses exactly that.
func TestForget(t *testing.T) {
	s := counted(t)
	s.knock(t, 3)
	s.policies(t, version(1))
	s.do(t, apply)
	s.look(t, func(n *node.Node) {
		waiting := retention(t, n)
		if len(waiting.Counters) == 0 || waiting.Unread != 0 {
			t.Fatalf("got %+v, want counters that wait", waiting)
		}
		read := counters(t, n)
		if r, err := n.Forget(t.Context(), read); err != nil || r.Changed {
			t.Errorf("at once: got %+v, %v, want no change: packets may be under way", r, err)
		}
		time.Sleep(time.Second)
		wrong := map[nft.CounterKey]nft.Count{}
		for key, c := range read {
			c.Packets++
			wrong[key] = c
		}
		if r, err := n.Forget(t.Context(), wrong); err != nil || r.Changed {
			t.Errorf("other values: got %+v, %v, want no change", r, err)
		}
		r, err := n.Forget(t.Context(), read)
		if err != nil || !r.Changed || r.Flipped {
			t.Errorf("got %+v, %v, want a change that judges no flow again", r, err)
		}
		after := counters(t, n)
		if got, want := len(after), len(read)-len(waiting.Counters); got != want {
			t.Errorf("got %d counters left, want %d", got, want)
		}
		if left := retention(t, n); len(left.Counters) != 0 || left.Unread != 0 {
			t.Errorf("got %+v left, want none", left)
		}
	})
}

// A group that comes back goes on counting where it was.
func TestGroupTakesItsCounterUpAgain(t *testing.T) {
	s := counted(t)
	sum := func() (got int) {
		s.look(t, func(n *node.Node) { got = refused(counters(t, n)) })
		return got
	}
	before := sum()
	s.knock(t, 5)
	s.policies(t, version(1))
	s.do(t, apply)
	s.knock(t, 7)
	s.policies(t, onlyAReachesB)
	s.do(t, apply)
	s.knock(t, 9)
	if got := sum() - before; got != 21 {
		t.Errorf("got %d counted, want 21", got)
	}
	s.look(t, func(n *node.Node) {
		for _, c := range retention(t, n).Counters {
			if v := counters(t, n)[nft.CounterKey{Family: c.Family, Name: c.Name}]; v.Packets != 0 &&
				v.Packets != 7 {
				t.Errorf("%s waits with %d packets, want 7 or none", c.Name, v.Packets)
			}
		}
	})
	if r := s.do(t, apply); r.Changed {
		t.Errorf("apply: got %+v, want no change", r)
	}
}

// The last endpoint goes: its tables stay until the counters were read, judge nothing, and go.
func TestLastEndpointLeavesItsCounts(t *testing.T) {
	s := counted(t)
	before := 0
	s.look(t, func(n *node.Node) { before = refused(counters(t, n)) })
	s.knock(t, 11)
	for _, name := range []string{"a", "b", "c"} {
		s.detach(t, name)
	}
	s.reach(t, "c", "10.1.0.3:80", nil)
	s.look(t, func(n *node.Node) {
		if drift, err := n.Verify(t.Context()); err != nil || len(drift) > 0 {
			t.Errorf("got drift %v, %v, want none", drift, err)
		}
		read := counters(t, n)
		if got := refused(read) - before; got != 11 {
			t.Errorf("got %d counted, want 11", got)
		}
		time.Sleep(time.Second)
		if _, err := n.Forget(t.Context(), read); err != nil {
			t.Error(err)
		}
	})
	if left := s.net.Run(t, "nft", "list", "tables"); left != "" {
		t.Errorf("got %s, want no table", left)
	}
	s.attach(t, "b")
	s.attach(t, "c")
	s.isClosed(t)
}

func (s *site) isClosed(t *testing.T) {
	t.Helper()
	s.reach(t, "c", "10.1.0.3:80", testnet.ErrTimeout)
}

// Whoever reads no counters removes those that waited, with the next transaction at the latest.
func TestNobodyReads(t *testing.T) {
	for name, f := range map[string]func(*testing.T, *site){
		"another process": func(t *testing.T, s *site) {
			s.options.RetainCounters = false
			if r := s.do(t, apply); !r.Changed || r.Rebuilt != "" {
				t.Errorf("got %+v, want a change and no rebuild", r)
			}
			s.look(t, func(n *node.Node) {
				if got := retention(t, n); len(got.Counters) != 0 || got.Unread == 0 {
					t.Errorf("got %+v, want none, and some that were not read", got)
				}
			})
			s.isGuarded(t)
		},
		"uninstall": func(t *testing.T, s *site) {
			s.options.RetainCounters = false
			s.do(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
				return node.Report{}, n.Uninstall(ctx)
			})
			if left := s.net.Run(t, "nft", "list", "tables"); left != "" {
				t.Errorf("got %s, want no table", left)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := counted(t)
			s.policies(t, version(1))
			s.do(t, apply)
			s.look(t, func(n *node.Node) {
				if len(retention(t, n).Counters) == 0 {
					t.Fatal("nothing waits")
				}
			})
			f(t, s)
		})
	}
}

// In the place of an agent that is down and reads counters they are kept for it.
func TestInPlaceOfAReader(t *testing.T) {
	s := counted(t)
	owner := node.Ownership{Socket: "/run/agent.sock", PID: 1, ReadsCounters: true}
	if got := s.options.InPlaceOf(owner); !got.RetainCounters {
		t.Errorf("got %+v, want counters retained", got)
	}
	owner.ReadsCounters, s.options.RetainCounters = false, false
	if got := s.options.InPlaceOf(owner); got.RetainCounters {
		t.Errorf("got %+v, want counters not retained", got)
	}
}

// A process is killed on both sides of the commit that takes a group away, and of one that
// forgets; the next one finds which model is true, and no packet is counted twice or lost.
func TestRetainedAcrossKills(t *testing.T) {
	s := counted(t)
	dir := s.options.StateDir
	installed, next := filepath.Join(dir, "installed"), filepath.Join(dir, "next")
	before := 0
	s.look(t, func(n *node.Node) { before = refused(counters(t, n)) })
	check := func(when string, want int) {
		t.Helper()
		if r := s.do(t, apply); r.Rebuilt != "" {
			t.Errorf("%s: got %+v, want no rebuild", when, r)
		}
		s.look(t, func(n *node.Node) {
			if got := refused(counters(t, n)) - before; got != want {
				t.Errorf("%s: got %d counted, want %d", when, got, want)
			}
			if drift, err := n.Verify(t.Context()); err != nil || len(drift) > 0 {
				t.Errorf("%s: got drift %v, %v, want none", when, drift, err)
			}
		})
	}
	// Behind the commit: next is true, installed is of the time before.
	s.knock(t, 4)
	old := readFile(t, installed)
	s.policies(t, version(1))
	s.do(t, apply)
	rename(t, installed, next)
	writeFile(t, installed, old)
	check("killed behind the commit", 4)

	// Before the commit: next is about a transaction that never was.
	s.knock(t, 4)
	never := regexp.MustCompile(`"generation":\d+`).ReplaceAll(readFile(t, installed),
		[]byte(`"generation":4000000`))
	writeFile(t, next, never)
	s.policies(t, version(2))
	check("killed before the commit", 8)

	// Behind the commit that forgets.
	old = readFile(t, installed)
	time.Sleep(time.Second)
	lost := 0
	s.do(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		read := counters(t, n)
		r, err := n.Forget(ctx, read)
		lost = refused(read) - refused(counters(t, n))
		return r, err
	})
	rename(t, installed, next)
	writeFile(t, installed, old)
	check("killed behind forgetting", 8-lost)
	s.isGuarded(t)
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// A foreign flush takes all counters, retained ones too: the model must not go on naming them.
func TestFlushTakesRetained(t *testing.T) {
	s := counted(t)
	s.policies(t, version(1))
	s.do(t, apply)
	s.net.Nft(t, "flush ruleset")
	if r := s.do(t, apply); r.Rebuilt == "" {
		t.Errorf("got %+v, want a rebuild", r)
	}
	s.look(t, func(n *node.Node) {
		if got := retention(t, n); len(got.Counters) != 0 {
			t.Errorf("got %+v, want none", got)
		}
	})
	if r := s.do(t, apply); r.Changed {
		t.Errorf("second apply: got %+v, want no change", r)
	}
	s.detach(t, "c")
	s.do(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		return n.Detach(ctx, func(endpoint.Attachment) bool { return true })
	})
}
