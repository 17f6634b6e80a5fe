// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"errors"
	"fmt"
	"slices"
)

// Validate tells whether the ruleset is in canonical form (everything sorted, no duplicates),
// its references and types are right, and the kernel and nft 1.0.6 would take it.
func (r *Ruleset) Validate() error {
	for i := range r.Tables {
		if i > 0 && r.Tables[i-1].Family >= r.Tables[i].Family {
			return fmt.Errorf("table %s: is not in order", r.Tables[i].Family)
		}
		if err := r.Tables[i].validate(); err != nil {
			return fmt.Errorf("table %s: %w", r.Tables[i].Family, err)
		}
	}
	return nil
}

// Sort brings tables, counters, sets, elements and chains into canonical order. Rules keep
// theirs, which has a meaning.
func (r *Ruleset) Sort() {
	slices.SortFunc(r.Tables, func(a, b Table) int { return int(a.Family) - int(b.Family) })
	for i := range r.Tables {
		t := &r.Tables[i]
		slices.Sort(t.Counters)
		slices.SortFunc(t.Sets, func(a, b Set) int { return compare(a.Name, b.Name) })
		slices.SortFunc(t.Chains, func(a, b Chain) int { return compare(a.Name, b.Name) })
		for j := range t.Sets {
			slices.SortFunc(t.Sets[j].Elements, func(a, b Element) int {
				return compare(string(a.Key), string(b.Key))
			})
		}
	}
}

var errOrder = errors.New("is not in order")

func (t *Table) validate() error {
	if t.Family > Bridge {
		return errors.New("has an unknown family")
	}
	if err := t.validateNames(); err != nil {
		return err
	}
	ix := newIndex(t)
	for i := range t.Sets {
		if err := ix.validateSet(&t.Sets[i]); err != nil {
			return fmt.Errorf("set %s: %w", t.Sets[i].Name, err)
		}
	}
	for i := range t.Chains {
		if err := ix.validateChain(&t.Chains[i]); err != nil {
			return fmt.Errorf("chain %s: %w", t.Chains[i].Name, err)
		}
	}
	return ix.validateGraph()
}

func (t *Table) validateNames() error {
	counter := func(i int) string { return t.Counters[i] }
	set := func(i int) string { return t.Sets[i].Name }
	chain := func(i int) string { return t.Chains[i].Name }
	return errors.Join(inOrder("counter", len(t.Counters), counter),
		inOrder("set", len(t.Sets), set), inOrder("chain", len(t.Chains), chain))
}

func inOrder(kind string, n int, name func(int) string) error {
	for i := range n {
		if err := ValidName(name(i)); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		if i > 0 && name(i-1) >= name(i) {
			return fmt.Errorf("%s %s: %w", kind, name(i), errOrder)
		}
	}
	return nil
}

// index finds the parts of one table by name.
type index struct {
	table  *Table
	chains map[string]*Chain
	sets   map[string]*Set
}

func newIndex(t *Table) *index {
	ix := &index{table: t, chains: make(map[string]*Chain, len(t.Chains)),
		sets: make(map[string]*Set, len(t.Sets))}
	for i := range t.Chains {
		ix.chains[t.Chains[i].Name] = &t.Chains[i]
	}
	for i := range t.Sets {
		ix.sets[t.Sets[i].Name] = &t.Sets[i]
	}
	return ix
}

func (ix *index) hasCounter(name string) bool {
	_, ok := slices.BinarySearch(ix.table.Counters, name)
	return ok
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
