// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"errors"
	"fmt"
	"slices"
)

// Applied is what a transaction makes of a ruleset; nil is the empty one. It refuses what the
// kernel refuses: unknown names, deleting what is referred to, elements that overlap, and a
// result that is not valid. The old ruleset is not changed, but shares memory with the new.
func Applied(old *Ruleset, ops []Op) (*Ruleset, error) {
	m := &model{}
	if old != nil {
		for i := range old.Tables {
			m.tables[old.Tables[i].Family] = newModelTable(&old.Tables[i])
		}
	}
	for i, op := range ops {
		if err := m.apply(op); err != nil {
			return nil, fmt.Errorf("operation %d: %w", i, err)
		}
	}
	r := m.ruleset()
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	return r, nil
}

var (
	errMissing = errors.New("does not exist")
	errExists  = errors.New("exists already")
	errInUse   = errors.New("is in use")
)

// model is the state that operations change.
type model struct {
	tables [Bridge + 1]*modelTable
}

// object names something in a table that others refer to.
type object struct {
	kind referent
	name string
}

type modelTable struct {
	sets   map[string]*Set
	chains map[string]*Chain
	// uses counts the references to each object, which must exist as a key.
	uses map[object]int
}

func newModelTable(t *Table) *modelTable {
	m := &modelTable{sets: make(map[string]*Set), chains: make(map[string]*Chain),
		uses: make(map[object]int)}
	for _, name := range t.Counters {
		m.uses[object{toCounter, name}] = 0
	}
	for _, s := range t.Sets {
		m.uses[object{toSet, s.Name}] = 0
		m.sets[s.Name] = &s
	}
	for _, c := range t.Chains {
		m.uses[object{toChain, c.Name}] = 0
		m.chains[c.Name] = &c
	}
	for _, c := range t.Chains {
		m.countRules(c.Rules, 1)
	}
	for _, s := range t.Sets {
		m.countElements(s.Elements, 1)
	}
	return m
}

func (m *modelTable) countRules(rules []Rule, by int) {
	for _, r := range rules {
		for _, s := range r.Statements {
			if kind, name := reference(s); kind != toNothing {
				m.uses[object{kind, name}] += by
			}
		}
	}
}

func (m *modelTable) countElements(list []Element, by int) {
	for _, e := range list {
		if e.Verdict.Chain != "" {
			m.uses[object{toChain, e.Verdict.Chain}] += by
		}
	}
}

func (m *model) apply(op Op) error {
	t := m.tables[op.Family]
	switch {
	case op.Kind == AddTable && t != nil:
		return fmt.Errorf("table %s: %w", op.Family, errExists)
	case op.Kind == AddTable:
		m.tables[op.Family] = newModelTable(&Table{Family: op.Family})
		return nil
	case t == nil:
		return fmt.Errorf("table %s: %w", op.Family, errMissing)
	case op.Kind == DeleteTable:
		m.tables[op.Family] = nil
		return nil
	}
	if err := t.apply(op); err != nil {
		return fmt.Errorf("table %s: %w", op.Family, err)
	}
	return nil
}

func (m *modelTable) apply(op Op) error {
	switch op.Kind {
	case AddCounter:
		return m.create(object{toCounter, op.Counter})
	case DeleteCounter:
		return m.remove(object{toCounter, op.Counter})
	case AddSet, DeleteSet, AddElements, DeleteElements:
		return m.applySet(op)
	}
	return m.applyChain(op)
}

func (m *modelTable) create(o object) error {
	if _, ok := m.uses[o]; ok {
		return fmt.Errorf("%s: %w", o.name, errExists)
	}
	m.uses[o] = 0
	return nil
}

func (m *modelTable) remove(o object) error {
	switch n, ok := m.uses[o]; {
	case !ok:
		return fmt.Errorf("%s: %w", o.name, errMissing)
	case n > 0:
		return fmt.Errorf("%s: %w", o.name, errInUse)
	}
	delete(m.uses, o)
	return nil
}

// ruleset is the state in canonical order.
func (m *model) ruleset() *Ruleset {
	r := &Ruleset{}
	for family, t := range m.tables {
		if t == nil {
			continue
		}
		table := Table{Family: Family(family)}
		for o := range t.uses {
			switch o.kind {
			case toCounter:
				table.Counters = append(table.Counters, o.name)
			case toSet:
				table.Sets = append(table.Sets, *t.sets[o.name])
			case toChain:
				table.Chains = append(table.Chains, *t.chains[o.name])
			}
		}
		slices.Sort(table.Counters)
		slices.SortFunc(table.Sets, func(a, b Set) int { return compare(a.Name, b.Name) })
		slices.SortFunc(table.Chains, func(a, b Chain) int { return compare(a.Name, b.Name) })
		r.Tables = append(r.Tables, table)
	}
	return r
}
