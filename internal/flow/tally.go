// SPDX-License-Identifier: Apache-2.0

package flow

import "time"

// tally is what is known of one flow of the per-flow sets, so that no packet is told twice: by
// the log and by the set.
type tally struct {
	// tracked says that the flow has an element, which counts all its packets from now on. What
	// is sampled of it is then detail, and no number.
	tracked bool
	// told are packets that records told of, and that the set is still to tell of: told in this
	// window, and before it. An element that appears may count those before it was read first,
	// but none from before the last reading, at which it was not there.
	told, before count
	// claims are the keys of which packets were sampled in this window, since the sets were read.
	claims []claim
	last   *entry
	// judged is the generation by which last was found right.
	judged *Snapshot
	seen   time.Time
}

// claim is what was sampled of one key.
type claim struct {
	entry   *entry
	sampled count
}

// tallyOf is the flow's, or nil if there are too many.
func (w *Window) tallyOf(k FlowKey) *tally {
	t := w.flows[k]
	if t == nil && len(w.flows) < w.limits.Flows {
		t = &tally{}
		w.flows[k] = t
	}
	return t
}

func (t *tally) sample(e *entry, c count) {
	for i := range t.claims {
		if t.claims[i].entry == e {
			t.claims[i].sampled.add(c)
			return
		}
	}
	t.claims = append(t.claims, claim{e, c})
}

// settle closes the window for the flow: samples of a flow without an element are told. Of what
// was told, an element that appears can count only what is younger than the reading before, unless
// the sets were not read.
func (t *tally) settle(read bool) {
	if !t.tracked {
		for _, c := range t.claims {
			c.entry.seen.add(c.sampled)
			t.told.add(c.sampled)
		}
	}
	if !t.tracked && read {
		t.before = count{}
	}
	t.before.add(t.told)
	t.told = count{}
	t.claims = t.claims[:0]
}

// Delta is how much an element of the per-flow sets has grown, or that it is gone.
type Delta struct {
	Flow           FlowKey
	Packets, Bytes uint64
	Gone           bool
}

// Totals takes what the per-flow sets have counted since they were read last. It speaks of keys
// that were never sampled too; they are explained by the policies at the time.
func (w *Window) Totals(h *History, now time.Time, deltas []Delta) {
	w.read = true
	for i := range deltas {
		w.total(h, now, &deltas[i])
	}
}

func (w *Window) total(h *History, now time.Time, d *Delta) {
	if d.Gone {
		if t := w.flows[d.Flow]; t != nil {
			// What was sampled may have been counted, and told, before the element went.
			t.tracked, t.seen, t.claims = false, now, t.claims[:0]
		}
		return
	}
	t := w.tallyOf(d.Flow)
	if t == nil {
		w.stats.Unremembered += d.Packets
		return
	}
	owed := t.before
	owed.add(t.told)
	var rest count
	rest, t.before = count{d.Packets, d.Bytes}.less(owed)
	t.told, t.tracked = count{}, true
	claims := t.claims
	t.claims = t.claims[:0]
	switch {
	case rest.packets == 0:
	case len(claims) > 0:
		w.divide(rest, claims)
		t.judged = h.At(now)
	case t.last != nil && w.keys[t.last.key] == t.last && t.goesOn(h, now, d.Flow):
		w.tell(t.last, rest)
		t.last.last = now
	default:
		t.last = w.unsampled(h, now, d.Flow, rest)
	}
}

// goesOn reports whether the packets of a flow that was not sampled are still counted where the
// last ones were: another generation may have another group for them.
func (t *tally) goesOn(h *History, now time.Time, k FlowKey) bool {
	s := h.At(now)
	if s == t.judged {
		return true
	}
	t.judged = s
	a, ok := h.AttributeFlow(now, k)
	return !ok || a.Record.Counter == t.last.record.Counter
}

// unsampled tells of packets of a flow that was not sampled, if policy explains them and wants
// them told, and returns their entry.
func (w *Window) unsampled(h *History, now time.Time, k FlowKey, c count) *entry {
	a, ok := h.AttributeFlow(now, k)
	switch {
	case !ok:
		w.stats.Unattributed += c.packets
		return nil
	case a.Record.Counter.Silent():
		w.stats.Silent += c.packets
		return nil
	}
	e := w.keys[a.Key]
	if e == nil {
		e, _ = w.place(&a)
	}
	e.fold(&a)
	w.tell(e, c)
	e.last = now
	return e
}

// tell gives packets to a key, but for those that a record told of before the agent died.
func (w *Window) tell(e *entry, c count) {
	if debt, ok := w.debts[e.key.Counter]; ok {
		c, debt = c.less(debt)
		w.debts[e.key.Counter] = debt
		if debt == (count{}) {
			delete(w.debts, e.key.Counter)
		}
	}
	e.exact.add(c)
}

// divide gives to each key as much as was sampled of it, and the rest in proportion: one flow can
// be refused for two reasons in one window.
func (w *Window) divide(rest count, claims []claim) {
	var all uint64
	for _, c := range claims {
		all += c.sampled.packets
	}
	left := rest
	for i, c := range claims {
		share := left
		if i < len(claims)-1 {
			share.packets = portion(rest.packets, c.sampled.packets, all)
			share.bytes = portion(rest.bytes, c.sampled.packets, all)
		}
		left.packets, left.bytes = left.packets-share.packets, left.bytes-share.bytes
		w.tell(c.entry, share)
	}
}

// Replay tells a new window of a record that was written before the agent died, and after it had
// saved its state: the sets will count the packets again. Of a record that does not say in which
// elements they are, other flows of its counter are told less.
func (w *Window) Replay(h *History, r *Record) {
	if !r.Counter.Noted() {
		return
	}
	c := count{r.Packets, r.Bytes}
	k, ok := r.flow()
	if s := h.Now(); s != nil && ok {
		// The element has the node's address and port.
		e := s.Index.addresses[k.Server]
		ok = e == nil || len(e.Published) == 0
	}
	t := (*tally)(nil)
	if ok {
		t = w.tallyOf(k)
	}
	if t == nil {
		debt := w.debts[r.Counter]
		debt.add(c)
		w.debts[r.Counter] = debt
		return
	}
	t.before.add(c)
	t.seen = r.End
}

// flow is the element of the per-flow sets that counts the record's packets, if it is one.
func (r *Record) flow() (FlowKey, bool) {
	if !r.Counter.Noted() || r.Scan || r.Client.Prefix.IsValid() || r.Server.Prefix.IsValid() {
		return FlowKey{}, false
	}
	return FlowKey{Direction: directionOf(r.Counter.Kind),
		Client: r.Client.Addr, Server: r.Server.Addr, Proto: r.Proto, Port: r.Port}, true
}
