// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"slices"
	"time"
)

// Window folds packets into records. The first packet of a key is told at once, those after it
// when the window is closed. Numbers of the per-flow sets take the place of what was sampled of
// the same flows: every packet is told once, whoever tells of it.
//
// The order is: Add for every sample; at the end Totals with the sets, and Close; then
// Ledger.Observe with the counters, which are to be read after the sets. Every record goes to
// Ledger.Record. Should the sets not be readable, Close alone does: the next Totals makes up for
// it. A Window is not safe for concurrent use.
type Window struct {
	limits   Limits
	keys     map[Key]*entry
	order    []*entry // oldest first
	subjects map[string]*subject
	pairs    map[pair]int
	flows    map[FlowKey]*tally
	debts    map[Counter]count // see Replay
	start    time.Time
	read     bool // the sets were, in this window
	stats    Stats
}

// entry is what is known of one key.
type entry struct {
	key    Key
	record Record // of the first packet
	last   time.Time
	// The rest is about the window.
	first, end time.Time
	exact      count  // told by the per-flow sets
	seen       count  // sampled, of what is in no set
	sampled    uint64 // all that was sampled
	// ports and peers are those of a folded key, nil of others.
	ports, peers *distinct
}

// count is packets with their bytes.
type count struct{ packets, bytes uint64 }

func (c *count) add(o count) {
	c.packets += o.packets
	c.bytes += o.bytes
}

// less is what is left of c without o, and what is left of o: both are never negative.
func (c count) less(o count) (rest, owed count) {
	return count{c.packets - min(c.packets, o.packets), c.bytes - min(c.bytes, o.bytes)},
		count{o.packets - min(c.packets, o.packets), o.bytes - min(c.bytes, o.bytes)}
}

// NewWindow begins a window at a time.
func NewWindow(limits Limits, start time.Time) *Window {
	return &Window{limits: limits, start: start, keys: map[Key]*entry{},
		subjects: map[string]*subject{}, pairs: map[pair]int{}, flows: map[FlowKey]*tally{},
		debts: map[Counter]count{}}
}

// Stats tell what the window holds.
func (w *Window) Stats() Stats {
	s := w.stats
	s.Keys, s.Flows, s.Subjects = len(w.keys), len(w.flows), len(w.subjects)
	return s
}

// Add takes one sampled packet. It returns a record, and true, for the first packet of a key.
func (w *Window) Add(a *Attributed) (Record, bool) {
	if a.Disagrees {
		w.stats.Disagreed++
	}
	e, known := w.keys[a.Key]
	if !known {
		e, known = w.place(a)
	}
	noted := a.Record.Counter.Noted()
	var t *tally
	if noted {
		if t = w.tallyOf(a.Flow); t == nil {
			w.stats.Unremembered += a.Record.Packets
			return Record{}, false
		}
		t.last, t.seen = e, a.Record.Start
		// The element has told of this packet, or will: under another key it is no news.
		known = known || t.tracked
	}
	e.fold(a)
	c := count{a.Record.Packets, a.Record.Bytes}
	if known {
		e.touch(a.Record.Start)
		e.sampled++
		if noted {
			t.sample(e, c)
		} else {
			e.seen.add(c)
		}
		return Record{}, false
	}
	e.last = a.Record.Start
	if noted {
		t.told.add(c)
	}
	r := e.record
	r.Packets, r.Bytes, r.Source, r.Sampled = c.packets, c.bytes, FromSamples, 1
	w.describe(e, &r)
	return r, true
}

// touch notes the time of a packet.
func (e *entry) touch(t time.Time) {
	if e.first.IsZero() || t.Before(e.first) {
		e.first = t
	}
	if t.After(e.end) {
		e.end = t
	}
	e.last = t
}

// Close ends the window and returns its records, those of the oldest keys first.
func (w *Window) Close(now time.Time) []Record {
	for k, t := range w.flows {
		t.settle(w.read)
		if !t.tracked && now.Sub(t.seen) >= w.limits.Linger {
			delete(w.flows, k)
		}
	}
	var out []Record
	for _, e := range w.order {
		if r, ok := w.closed(e, now); ok {
			out = append(out, r)
		}
	}
	w.order = slices.DeleteFunc(w.order, func(e *entry) bool {
		gone := now.Sub(e.last) >= w.limits.Linger
		if gone {
			w.remove(e)
		}
		return gone
	})
	w.start, w.read = now, false
	return out
}

// closed is the record of a key in this window, if there is something to tell.
func (w *Window) closed(e *entry, now time.Time) (Record, bool) {
	exact, seen, sampled := e.exact, e.seen, e.sampled
	if exact.packets+seen.packets == 0 {
		e.first, e.end = time.Time{}, time.Time{}
		return Record{}, false
	}
	r := e.record
	r.Start, r.End = e.first, e.end
	if r.Start.IsZero() {
		r.Start, r.End = w.start.UTC(), now.UTC()
	}
	r.Packets, r.Bytes = exact.packets+seen.packets, exact.bytes+seen.bytes
	r.Sampled, r.Source = sampled, FromSamples
	if seen.packets == 0 {
		r.Source = FromKernel
	}
	w.describe(e, &r)
	e.exact, e.seen, e.sampled = count{}, count{}, 0
	e.first, e.end = time.Time{}, time.Time{}
	if e.ports != nil {
		*e.ports = distinct{}
	}
	if e.peers != nil {
		*e.peers = distinct{}
	}
	return r, true
}
