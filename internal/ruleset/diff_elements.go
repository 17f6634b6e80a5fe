// SPDX-License-Identifier: Apache-2.0

package ruleset

// empty is a set without its elements, as the operations name it.
func empty(s *Set) *Set {
	bare := *s
	bare.Elements = nil
	return &bare
}

func (d *tableDiff) deleteElements() {
	for i := range d.from.table.Sets {
		s := &d.from.table.Sets[i]
		if d.goneSets[s.Name] {
			continue
		}
		if list := d.missing(s.Elements, d.to.sets[s.Name].Elements); len(list) > 0 {
			d.add(Op{Kind: DeleteElements, Set: empty(s), Elements: list})
		}
	}
}

func (d *tableDiff) addElements() {
	for i := range d.to.table.Sets {
		s := &d.to.table.Sets[i]
		list := s.Elements
		if !d.newSet(s.Name) {
			list = d.missing(s.Elements, d.from.sets[s.Name].Elements)
		}
		if len(list) > 0 {
			d.add(Op{Kind: AddElements, Set: empty(s), Elements: list})
		}
	}
}

// missing are the elements of a that b lacks. An element cannot be changed, so that one with
// another verdict, comment or end is another element, and so is one that leads to a chain
// which is deleted and added again.
func (d *tableDiff) missing(a, b []Element) []Element {
	if same(a, b) {
		return d.leadingAstray(a)
	}
	var list []Element
	j := 0
	for i := range a {
		for j < len(b) && b[j].Key < a[i].Key {
			j++
		}
		if j < len(b) && b[j] == a[i] && !d.goneChains[a[i].Verdict.Chain] {
			continue
		}
		list = append(list, a[i])
	}
	return list
}

// leadingAstray are the elements that lead to a chain which is deleted and added again.
func (d *tableDiff) leadingAstray(list []Element) []Element {
	var out []Element
	for i := range list {
		if chain := list[i].Verdict.Chain; chain != "" && d.goneChains[chain] {
			out = append(out, list[i])
		}
	}
	return out
}
