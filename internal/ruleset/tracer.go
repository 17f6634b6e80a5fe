// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Outcome is what became of a packet.
type Outcome uint8

// The outcomes. Rejected is a drop that answers.
const (
	Accepted Outcome = iota
	Dropped
	Rejected
)

// String returns "accept", "drop" or "reject".
func (o Outcome) String() string { return pick(outcomeWords[:], int(o)) }

var outcomeWords = [...]string{"accept", "drop", "reject"}

// Step is one rule that took effect: all its matches held.
type Step struct {
	Family Family
	Chain  string
	Index  int // of the rule in its chain, from 0
	Rule   *Rule
}

// Text is the rule as nft writes it, without its comment.
func (s Step) Text() string { return s.Rule.Text(s.Family) }

// Comment is the rule's comment.
func (s Step) Comment() string { return s.Rule.Comment }

// String is "family chain index: rule".
func (s Step) String() string {
	return fmt.Sprintf("%s %s %d: %s", s.Family, s.Chain, s.Index, s.Text())
}

// Result is what the rules did to a packet.
type Result struct {
	Verdict Outcome
	Steps   []Step // in the order of their effect
	// Counters are the counter objects that counted the packet.
	Counters []string
	// LogPrefix is that of the last log statement, empty if none was reached.
	LogPrefix string
}

// Tracer interprets a valid ruleset, which must not change while it is in use. It keeps no
// state between packets and may be used concurrently.
//
// Dynamic sets have no content here: an update succeeds (no limit is exceeded, no set is
// full), and a lookup does not find its key.
type Tracer struct {
	tables [Bridge + 1]*tracedTable
}

type tracedTable struct {
	*index
	hooks [Postrouting + 1][]*Chain // by priority, then by name
}

// NewTracer prepares a ruleset for tracing. It refuses one that Validate refuses.
func NewTracer(r *Ruleset) (*Tracer, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	t := &Tracer{}
	for i := range r.Tables {
		t.tables[r.Tables[i].Family] = newTracedTable(&r.Tables[i])
	}
	return t, nil
}

func newTracedTable(table *Table) *tracedTable {
	t := &tracedTable{index: newIndex(table)}
	for i := range table.Chains {
		if c := &table.Chains[i]; c.Base != nil {
			t.hooks[c.Base.Hook] = append(t.hooks[c.Base.Hook], c)
		}
	}
	for _, chains := range t.hooks {
		slices.SortStableFunc(chains, func(a, b *Chain) int {
			return cmp.Compare(a.Base.Priority, b.Base.Priority)
		})
	}
	return t
}

// Trace runs a packet through the base chains of one hook of one family, in order of priority.
// Marks that the rules write are written to the packet.
func (t *Tracer) Trace(family Family, hook Hook, p *Packet) Result {
	var result Result
	t.run(family, hook, everyPriority, p, &result)
	return result
}

// priorities is a range of chain priorities, both ends included.
type priorities struct{ first, last int }

var everyPriority = priorities{math.MinInt, math.MaxInt}

// run adds to the result what the hook does, and tells whether the packet goes on.
func (t *Tracer) run(family Family, hook Hook, which priorities, p *Packet, into *Result) bool {
	table := t.tables[family]
	if table == nil {
		return true
	}
	for _, c := range table.hooks[hook] {
		if c.Base.Priority < which.first || c.Base.Priority > which.last {
			continue
		}
		e := evaluation{table: table, base: c, packet: p, result: into}
		// An accept ends this base chain only: the next one is asked all the same.
		if into.Verdict = e.chain(c).outcome(); into.Verdict != Accepted {
			return false
		}
	}
	return true
}
