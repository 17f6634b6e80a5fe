// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"fmt"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// book is what is known of refused packets. It does no I/O; whoever uses it holds Pipeline.mu.
type book struct {
	history *flow.History
	window  *flow.Window
	ledger  *flow.Ledger
	flows   *flows
	// tables are the handles of the tables that were read last.
	tables map[ruleset.Family]uint64
	// since is when the ledger began, read when the kernel's numbers were read last.
	since, read time.Time
}

func newBook(limits flow.Limits, now time.Time) *book {
	return &book{history: flow.NewHistory(), window: flow.NewWindow(limits, now),
		ledger: flow.NewLedger(), flows: newFlows(nil, nil), since: now.UTC()}
}

// anew forgets the last values of what the kernel counts from zero again.
func (b *book) anew(now map[ruleset.Family]uint64, forgotten []nft.CounterKey) {
	gone := map[flow.Counter]bool{}
	for _, k := range forgotten {
		if c, err := flow.ParseCounter(k.Family.String(), k.Name); err == nil {
			gone[c] = true
		}
	}
	changed := map[string]bool{}
	for f, handle := range b.tables {
		if now[f] != handle {
			changed[f.String()] = true
		}
	}
	if len(changed)+len(gone) > 0 {
		b.ledger.Anew(func(c flow.Counter) bool { return changed[c.Family] || gone[c] })
	}
	if len(changed) > 0 {
		b.flows = b.flows.without(func(family string) bool { return changed[family] })
	}
	b.tables = now
}

// close ends a window with what the kernel has counted. It hands the records over, which returns
// how many were taken, and then those of what is lost.
func (b *book) close(now time.Time, t nft.Totals, before counts, hand func([]flow.Record) int) {
	// A round follows each change of the rules: most of a window is of one generation.
	most := b.read.Add(now.Sub(b.read) / 2)
	if b.read.IsZero() {
		most = now
	}
	b.window.Totals(b.history, most, b.flows.observe(now, t.Flows))
	b.closeWindow(now, hand)
	var lost []flow.Record
	for _, l := range b.ledger.ObserveBetween(packetsOf(before), packetsOf(t.Counters)) {
		lost = append(lost, b.loss(l, now))
	}
	hand(lost)
	b.read = now
}

// packetsOf are the values of the counters of refused packets.
func packetsOf(counters counts) map[flow.Counter]uint64 {
	values := make(map[flow.Counter]uint64, len(counters))
	for k, v := range counters {
		c, err := flow.ParseCounter(k.Family.String(), k.Name)
		if err == nil && c.Word != canaryWord {
			values[c] = v.Packets
		}
	}
	return values
}

// closeWindow ends a window by the samples alone. What nobody takes is as if it had not been told.
func (b *book) closeWindow(now time.Time, hand func([]flow.Record) int) {
	records := b.window.Close(now)
	for i := range records[:hand(records)] {
		b.ledger.Record(&records[i])
	}
}

// add takes a packet, and hands over the record of a key that is new.
func (b *book) add(ev *flow.Event, hand func([]flow.Record) int) {
	a := b.history.Attribute(ev)
	if r, first := b.window.Add(&a); first && hand([]flow.Record{r}) == 1 {
		b.ledger.Record(&r)
	}
}

// loss tells of packets that nothing else tells of.
func (b *book) loss(lost flow.Report, now time.Time) flow.Record {
	c := lost.Counter
	r := flow.Record{Schema: flow.Schema, Kind: flow.LossReport, Start: b.read.UTC(), End: now.UTC(),
		Action: c.Action(), Reason: c.Reason(), Counter: c, Source: flow.FromKernel, Lost: lost.Lost,
		Why: fmt.Sprintf("the kernel counted %d packets as %s of which nothing else is known",
			lost.Lost, c.Name())}
	if d, ok := c.Direction(); ok {
		r.Direction = d
	}
	if r.Start.IsZero() {
		r.Start = b.since
	}
	if s := b.history.Now(); s != nil {
		r.Generation, r.Policies = s.Generation, s.Documents
	}
	return r
}
