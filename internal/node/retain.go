// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"slices"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// A counter whose group is gone holds what nobody may have read yet. While somebody reads, it
// stays in its table, and no chain refers to it, until the reader says that it was read. It is
// part of the installed model and not of what is desired: whoever plans a transaction without a
// reader takes it for one object too many.

// maxRetained bounds the counters that wait for a reader.
const maxRetained = 16384

// settling is how long packets that entered before a commit may still walk the old chains, and
// count there. They need microseconds.
const settling = time.Second

// RetainedCounter is a counter of a group that is gone.
type RetainedCounter struct {
	Family ruleset.Family `json:"family"`
	Name   string         `json:"name"`
	// Since is when its group went.
	Since time.Time `json:"since"`
}

func (r RetainedCounter) key() nft.CounterKey {
	return nft.CounterKey{Family: r.Family, Name: r.Name}
}

// retained is the part of a model that is about counters without a group.
type retained struct {
	// Retained are the counters, those longest without a group first.
	Retained []RetainedCounter `json:"retained,omitempty"`
	// Unread counts the counters that had to make room before they were read.
	Unread uint64 `json:"unread,omitempty"`
}

// Retention is what waits in the kernel for a reader of counters.
type Retention struct {
	// Counters are those longest without a group first. What they count is final a second after
	// their group went.
	Counters []RetainedCounter
	// Unread counts the counters that were removed before they were read, because too many waited
	// or nobody read; it begins from zero with the tables.
	Unread uint64
}

// Retained are the counters of groups that are gone and have not been forgotten yet. A reader
// asks for them, reads the counters, and then calls Forget with what it has read.
func (n *Node) Retained() (Retention, error) {
	state, err := n.readKernel()
	if err != nil {
		return Retention{}, err
	}
	m, trusted, err := n.findInstalled(state)
	if err != nil || !trusted {
		return Retention{}, err
	}
	return Retention{Counters: slices.Clone(m.Retained), Unread: m.Unread}, nil
}

// Forget removes retained counters that were read. One that holds more by now than was read stays,
// and so does one whose last packets may be under way, and one that a group has taken up again.
func (n *Node) Forget(ctx context.Context, read map[nft.CounterKey]nft.Count) (Report, error) {
	r, err := n.Retained()
	if err != nil || len(r.Counters) == 0 {
		return Report{}, err
	}
	now, err := n.kernel.Counters(ctx)
	if err != nil {
		return Report{}, err
	}
	n.forgotten = map[nft.CounterKey]bool{}
	defer func() { n.forgotten = nil }()
	for _, c := range r.Counters {
		value, ok := read[c.key()]
		// An age below zero is a clock that was set back: it says nothing.
		age := time.Since(c.Since)
		if ok && value == now[c.key()] && (age >= settling || age < 0) {
			n.forgotten[c.key()] = true
		}
	}
	if len(n.forgotten) == 0 {
		return Report{}, nil
	}
	return n.follow(ctx)
}

// retain adds to what is desired the counters of the kernel that wait for a reader, and says which
// these are.
func (n *Node) retain(desired *ruleset.Ruleset, installed *model) (*ruleset.Ruleset, retained) {
	var keep retained
	if installed == nil {
		return desired, keep
	}
	keep.Unread = installed.Unread
	if !n.options.RetainCounters {
		keep.Unread += uint64(len(installed.Retained))
		return desired, keep
	}
	gone := n.groupless(desired, installed)
	over := max(0, len(gone)-maxRetained)
	keep.Retained, keep.Unread = gone[over:], keep.Unread+uint64(over)
	return keep.within(desired), keep
}

// groupless are the counters of the kernel that are neither desired nor forgotten.
func (n *Node) groupless(desired *ruleset.Ruleset, installed *model) []RetainedCounter {
	since := map[nft.CounterKey]time.Time{}
	for _, r := range installed.Retained {
		since[r.key()] = r.Since
	}
	now := time.Now().UTC().Round(0)
	var gone []RetainedCounter
	for _, t := range installed.ruleset.Tables {
		wanted := countersOf(desired, t.Family)
		for _, name := range t.Counters {
			r := RetainedCounter{Family: t.Family, Name: name, Since: now}
			if _, found := slices.BinarySearch(wanted, name); found || n.forgotten[r.key()] {
				continue
			}
			if t, known := since[r.key()]; known {
				r.Since = t
			}
			gone = append(gone, r)
		}
	}
	slices.SortStableFunc(gone, func(a, b RetainedCounter) int { return a.Since.Compare(b.Since) })
	return gone
}

func countersOf(r *ruleset.Ruleset, f ruleset.Family) []string {
	for i := range r.Tables {
		if r.Tables[i].Family == f {
			return r.Tables[i].Counters
		}
	}
	return nil
}

// within is a copy of the ruleset with the counters added. Where nothing is desired, there are
// tables that hold these counters and no chain.
func (k retained) within(r *ruleset.Ruleset) *ruleset.Ruleset {
	if len(k.Retained) == 0 {
		return r
	}
	if len(r.Tables) == 0 {
		r = holding()
	}
	out := &ruleset.Ruleset{Tables: slices.Clone(r.Tables)}
	for i := range out.Tables {
		t := &out.Tables[i]
		t.Counters = slices.Clone(t.Counters)
		for _, c := range k.Retained {
			if c.Family == t.Family {
				t.Counters = append(t.Counters, c.Name)
			}
		}
		// A group that comes back is desired and retained at once, until the kernel has it.
		slices.Sort(t.Counters)
		t.Counters = slices.Compact(t.Counters)
	}
	return out
}

// holding is a ruleset that judges nothing: no chain, and the sets by which a transaction knows
// what it changes.
func holding() *ruleset.Ruleset {
	marks := func(name string) ruleset.Set {
		return ruleset.Set{Name: name, Types: []ruleset.Type{ruleset.TypeMark}}
	}
	return &ruleset.Ruleset{Tables: []ruleset.Table{
		{Family: ruleset.IP, Sets: []ruleset.Set{marks("generation"), marks("live")}},
		{Family: ruleset.IP6, Sets: []ruleset.Set{marks("live")}},
		{Family: ruleset.Bridge},
	}}
}
