// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/denials"
	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/nflog"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/policy"
)

// witness hears what the rules of a node log, and knows what an agent would know of the node.
type witness struct {
	*node
	history   *flow.History
	names     map[uint32]string
	addresses map[netip.Addr]bool

	mu       sync.Mutex
	messages []nflog.Message
	lost     nflog.Loss
	heard    time.Time
}

func newWitness(t testing.TB, n *node) *witness {
	t.Helper()
	w := &witness{node: n, history: flow.NewHistory()}
	var err error
	if w.names, err = n.links.Names(); err != nil {
		t.Fatal(err)
	}
	if w.addresses, err = n.links.HostAddresses(); err != nil {
		t.Fatal(err)
	}
	r, err := nflog.Open(nflog.Options{NetNS: n.FD(), Group: n.config.LogGroup})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.read(r)
	}()
	t.Cleanup(func() { r.Close(); <-done })
	return w
}

func (w *witness) read(r *nflog.Reader) {
	for {
		b, err := r.Read(context.Background())
		if errors.Is(err, os.ErrClosed) {
			return
		}
		w.mu.Lock()
		w.lost.Add(b.Lost)
		for _, m := range b.Messages {
			// The reader's own memory comes again.
			m.Payload, m.Link = slices.Clone(m.Payload), slices.Clone(m.Link)
			m.HWAddr = slices.Clone(m.HWAddr)
			w.messages = append(w.messages, m)
		}
		w.heard = time.Now()
		w.mu.Unlock()
	}
}

// The kernel holds messages back for 20 ms.
const quiet = 60 * time.Millisecond

// take returns what was logged since the last time: at least so many messages if they come, and
// all others that come with them.
func (w *witness) take(least int) []nflog.Message {
	for start := time.Now(); time.Since(start) < patience; time.Sleep(quiet / 4) {
		w.mu.Lock()
		still := time.Since(w.heard) > quiet && time.Since(start) > quiet
		if out := w.messages; still && len(out) >= least {
			w.messages = nil
			w.mu.Unlock()
			return out
		}
		w.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.messages
	w.messages = nil
	return out
}

// rule brings policies into force and takes note of the generation, as an agent does.
func (w *witness) rule(t testing.TB, set *policy.Set) {
	t.Helper()
	before := time.Now()
	w.apply(t, set)
	_, groups, _ := compile.CompileGroups(compile.Input{Policies: set, Endpoints: w.endpoints,
		Config: w.config})
	s := &flow.Snapshot{Generation: w.stamp.Generation, Before: before, Since: time.Now(),
		Policies: set, Index: flow.NewIndex(w.known()), Host: w.addresses,
		Groups: map[string]flow.Groups{}}
	for id, g := range groups {
		s.Groups[id] = flow.Groups(g)
	}
	w.history.Add(s)
}

// known are the endpoints as an agent knows them.
func (w *witness) known() []flow.Endpoint {
	var out []flow.Endpoint
	for _, e := range w.endpoints {
		known := flow.Endpoint{Endpoint: e.Endpoint, Local: e.Local != nil}
		if e.Local != nil {
			known.Port, known.Bridge = e.Local.Port, e.Local.Bridge
			for _, p := range e.Local.Published {
				known.Published = append(known.Published, flow.Published(p))
			}
		}
		out = append(out, known)
	}
	return out
}

// attribute explains messages as an agent does, by the generations of its history.
func (w *witness) attribute(t testing.TB, h *flow.History, messages []nflog.Message) []told {
	t.Helper()
	var out []told
	for i := range messages {
		m := &messages[i]
		ev, ours := denials.EventOf(m, func(i uint32) string { return w.names[i] })
		if !ours {
			t.Errorf("log: got a message with the prefix %q, want none but ours", m.Prefix)
			continue
		}
		out = append(out, told{ev, h.Attribute(&ev)})
	}
	return out
}

// told is a packet of the log, and what is told of it.
type told struct {
	event flow.Event
	flow.Attributed
}

// counts are all counters but those of overflows, by the names in records.
func (w *witness) counts(t testing.TB) map[flow.Counter]nft.Count {
	t.Helper()
	counters, err := w.kernel.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[flow.Counter]nft.Count{}
	for key, count := range counters {
		c, err := flow.ParseCounter(key.Family.String(), key.Name)
		if err != nil {
			t.Fatal(err)
		}
		if !c.Overflow() {
			out[c] = count
		}
	}
	return out
}
