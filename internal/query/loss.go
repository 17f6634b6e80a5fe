// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"slices"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
)

// Loss is what the kernel counted against what the records tell. Counted is Recorded and Lost
// together, because a loss report is what is left of the counter.
type Loss struct {
	Counted  uint64 `json:"counted"`
	Recorded uint64 `json:"recorded"`
	Lost     uint64 `json:"lost"`
	// Counters are those that lost packets, the most first.
	Counters []CounterLoss `json:"counters"`
}

// CounterLoss is what one counter counted and nobody tells.
type CounterLoss struct {
	Counter flow.Counter `json:"counter"`
	Lost    uint64       `json:"lost"`
	// First and Last are the bounds of the reports.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// Ledger sums up records, in any order.
type Ledger struct {
	recorded, lost uint64
	counters       map[flow.Counter]*CounterLoss
}

// NewLedger has counted nothing.
func NewLedger() *Ledger {
	return &Ledger{counters: map[flow.Counter]*CounterLoss{}}
}

// Add counts a record. What was allowed is on no counter.
func (l *Ledger) Add(r *flow.Record) {
	switch r.Kind {
	case flow.Denied, flow.WouldDeny:
		l.recorded += r.Packets
	case flow.LossReport:
		l.lost += r.Lost
		c := l.counters[r.Counter]
		if c == nil {
			c = &CounterLoss{Counter: r.Counter, First: r.Start, Last: r.End}
			l.counters[r.Counter] = c
		}
		c.Lost += r.Lost
		if r.Start.Before(c.First) {
			c.First = r.Start
		}
		if r.End.After(c.Last) {
			c.Last = r.End
		}
	}
}

// Loss is the sum.
func (l *Ledger) Loss() Loss {
	out := Loss{Counted: l.recorded + l.lost, Recorded: l.recorded, Lost: l.lost,
		Counters: []CounterLoss{}}
	for _, c := range l.counters {
		if c.Lost > 0 {
			out.Counters = append(out.Counters, *c)
		}
	}
	slices.SortFunc(out.Counters, func(a, b CounterLoss) int {
		return cmp.Or(cmp.Compare(b.Lost, a.Lost), cmp.Compare(a.Counter.Family, b.Counter.Family),
			cmp.Compare(a.Counter.Kind, b.Counter.Kind), cmp.Compare(a.Counter.Group, b.Counter.Group),
			cmp.Compare(a.Counter.Word, b.Counter.Word))
	})
	return out
}
