// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// table collects the parts of one table; finish sorts them into a value.
type table struct {
	family   ruleset.Family
	counters map[string]bool
	sets     map[string]*ruleset.Set
	chains   map[string]*ruleset.Chain
}

func newTable(f ruleset.Family) *table {
	return &table{
		family:   f,
		counters: map[string]bool{},
		sets:     map[string]*ruleset.Set{},
		chains:   map[string]*ruleset.Chain{},
	}
}

// set declares a set; a second declaration of the same name is the same set.
func (t *table) set(name string, types ...ruleset.Type) *ruleset.Set {
	if s := t.sets[name]; s != nil {
		return s
	}
	s := &ruleset.Set{Name: name, Types: types}
	t.sets[name] = s
	return s
}

func (t *table) verdictMap(name string, types ...ruleset.Type) *ruleset.Set {
	s := t.set(name, types...)
	s.Verdicts = true
	return s
}

// member adds a key to a declared set.
func (t *table) member(set string, fields ...ruleset.Key) {
	s := t.sets[set]
	s.Elements = append(s.Elements, ruleset.Element{Key: ruleset.Join(fields...)})
}

// room prepares a declared set for that many members.
func (t *table) room(set string, members int) {
	s := t.sets[set]
	s.Elements = slices.Grow(s.Elements, members)
}

// leads adds a key with a goto to a declared verdict map.
func (t *table) leads(m, chain, comment string, fields ...ruleset.Key) {
	s := t.sets[m]
	s.Elements = append(s.Elements, ruleset.Element{
		Key:     ruleset.Join(fields...),
		Verdict: goTo(chain),
		Comment: comment,
	})
}

// chain adds a regular chain.
func (t *table) chain(name string, rules ...ruleset.Rule) {
	t.chains[name] = &ruleset.Chain{Name: name, Rules: rules}
}

// base adds a base chain.
func (t *table) base(name string, hook ruleset.Hook, priority int, rules ...ruleset.Rule) {
	t.chains[name] = &ruleset.Chain{
		Name:  name,
		Base:  &ruleset.Base{Hook: hook, Priority: priority},
		Rules: rules,
	}
}

func (t *table) has(chain string) bool { return t.chains[chain] != nil }

// finish returns the table as a value, everything in canonical order.
func (t *table) finish() ruleset.Table {
	out := ruleset.Table{Family: t.family}
	for name := range t.counters {
		out.Counters = append(out.Counters, name)
	}
	slices.Sort(out.Counters)
	for _, s := range t.sets {
		slices.SortFunc(s.Elements, func(a, b ruleset.Element) int {
			return strings.Compare(string(a.Key), string(b.Key))
		})
		s.Elements = slices.CompactFunc(s.Elements, func(a, b ruleset.Element) bool {
			return a.Key == b.Key
		})
		out.Sets = append(out.Sets, *s)
	}
	slices.SortFunc(out.Sets, func(a, b ruleset.Set) int { return strings.Compare(a.Name, b.Name) })
	for _, c := range t.chains {
		out.Chains = append(out.Chains, *c)
	}
	slices.SortFunc(out.Chains, func(a, b ruleset.Chain) int {
		return strings.Compare(a.Name, b.Name)
	})
	return out
}
