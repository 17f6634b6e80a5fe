// SPDX-License-Identifier: Apache-2.0

package ruleset

import "slices"

// Diff is the transaction that leads from one valid ruleset to another. Nil is the empty
// ruleset. Objects that stay the same are not touched, so named counters and dynamic sets keep
// what they hold; a chain of which anything changed is written anew as a whole.
//
// Inside a table everything is taken away before anything is added, because the kernel refuses
// to delete what is still referred to, and to add a range that overlaps one still there.
// Nobody sees the state in between: a transaction takes effect at once.
func Diff(old, new *Ruleset) []Op {
	families := []Family{IP, IP6, Bridge}
	parts := make([][]Op, len(families))
	done := make(chan struct{})
	for i, family := range families { // a table refers to nothing outside of itself
		go func() {
			parts[i] = diffFamily(family, old.table(family), new.table(family))
			done <- struct{}{}
		}()
	}
	for range families {
		<-done
	}
	return slices.Concat(parts...)
}

func diffFamily(family Family, from, to *Table) []Op {
	switch {
	case to == nil && from == nil:
		return nil
	case to == nil:
		return []Op{{Kind: DeleteTable, Family: family}}
	case from == nil:
		return append([]Op{{Kind: AddTable, Family: family}},
			diffTable(&Table{Family: family}, to)...)
	}
	return diffTable(from, to)
}

func (r *Ruleset) table(family Family) *Table {
	if r == nil {
		return nil
	}
	for i := range r.Tables {
		if r.Tables[i].Family == family {
			return &r.Tables[i]
		}
	}
	return nil
}

// tableDiff is the work on one table.
type tableDiff struct {
	from, to *index
	// goneSets and goneChains are those deleted, be it to be added again in another shape.
	// Everything that refers to one must let go of it first.
	goneSets, goneChains map[string]bool
	rewritten            map[string]bool // chains whose rules are added anew
	ops                  []Op
}

func diffTable(from, to *Table) []Op {
	d := &tableDiff{from: newIndex(from), to: newIndex(to), goneSets: make(map[string]bool),
		goneChains: make(map[string]bool), rewritten: make(map[string]bool)}
	d.findGone()
	d.flushChains()
	d.deleteElements()
	d.deleteObjects()
	d.addObjects()
	d.addElements()
	d.addRules()
	return d.ops
}

func (d *tableDiff) add(op Op) {
	op.Family = d.to.table.Family
	d.ops = append(d.ops, op)
}

func (d *tableDiff) findGone() {
	for name, s := range d.from.sets {
		if now := d.to.sets[name]; now == nil || !sameShape(s, now) {
			d.goneSets[name] = true
		}
	}
	for name, c := range d.from.chains {
		if now := d.to.chains[name]; now == nil || !equalPointers(c.Base, now.Base) {
			d.goneChains[name] = true
		}
	}
}

func (d *tableDiff) flushChains() {
	for i := range d.from.table.Chains {
		c := &d.from.table.Chains[i]
		now := d.to.chains[c.Name]
		if !d.goneChains[c.Name] && equalRules(c.Rules, now.Rules) && !d.touchesGone(c) {
			continue
		}
		d.rewritten[c.Name] = true
		if len(c.Rules) > 0 {
			d.add(Op{Kind: FlushChain, Chain: bare(c)})
		}
	}
}

// bare is a chain without its rules, as the operations name it.
func bare(c *Chain) *Chain { return &Chain{Name: c.Name, Base: c.Base} }

// touchesGone tells whether a rule of the chain refers to what is deleted.
func (d *tableDiff) touchesGone(c *Chain) bool {
	if len(d.goneSets) == 0 && len(d.goneChains) == 0 {
		return false
	}
	for _, r := range c.Rules {
		for _, s := range r.Statements {
			switch kind, name := reference(s); {
			case kind == toSet && d.goneSets[name], kind == toChain && d.goneChains[name]:
				return true
			}
		}
	}
	return false
}

func (d *tableDiff) deleteObjects() {
	from := d.from.table
	for i := range from.Sets {
		if d.goneSets[from.Sets[i].Name] {
			d.add(Op{Kind: DeleteSet, Set: empty(&from.Sets[i])})
		}
	}
	for i := range from.Chains {
		if d.goneChains[from.Chains[i].Name] {
			d.add(Op{Kind: DeleteChain, Chain: bare(&from.Chains[i])})
		}
	}
	for _, name := range from.Counters {
		if !d.to.hasCounter(name) {
			d.add(Op{Kind: DeleteCounter, Counter: name})
		}
	}
}

func (d *tableDiff) addObjects() {
	to := d.to.table
	for _, name := range to.Counters {
		if !d.from.hasCounter(name) {
			d.add(Op{Kind: AddCounter, Counter: name})
		}
	}
	// Chains come before the maps that lead to them: nft 1.0.6 sends the elements of a new map
	// of intervals along with the map, wherever in the text they stand.
	for i := range to.Chains {
		if d.newChain(to.Chains[i].Name) {
			d.add(Op{Kind: AddChain, Chain: bare(&to.Chains[i])})
		}
	}
	for i := range to.Sets {
		if d.newSet(to.Sets[i].Name) {
			d.add(Op{Kind: AddSet, Set: empty(&to.Sets[i])})
		}
	}
}

func (d *tableDiff) newSet(name string) bool {
	return d.from.sets[name] == nil || d.goneSets[name]
}

func (d *tableDiff) newChain(name string) bool {
	return d.from.chains[name] == nil || d.goneChains[name]
}

func (d *tableDiff) addRules() {
	for i := range d.to.table.Chains {
		c := &d.to.table.Chains[i]
		if len(c.Rules) > 0 && (d.newChain(c.Name) || d.rewritten[c.Name]) {
			d.add(Op{Kind: AddRules, Chain: c})
		}
	}
}
