// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"fmt"
	"slices"
)

func (m *modelTable) applySet(op Op) error {
	name := op.Set.Name
	if op.Kind == AddSet {
		m.sets[name] = empty(op.Set)
		return m.create(object{toSet, name})
	}
	s := m.sets[name]
	if s == nil {
		return fmt.Errorf("set %s: %w", name, errMissing)
	}
	switch op.Kind {
	case AddElements:
		return m.addElements(s, op.Elements)
	case DeleteElements:
		return m.deleteElements(s, op.Elements)
	}
	if err := m.remove(object{toSet, name}); err != nil {
		return err
	}
	m.countElements(s.Elements, -1)
	delete(m.sets, name)
	return nil
}

func (m *modelTable) addElements(s *Set, list []Element) error {
	all := slices.Concat(s.Elements, list)
	slices.SortFunc(all, func(a, b Element) int { return compare(string(a.Key), string(b.Key)) })
	for i := 1; i < len(all); i++ {
		if all[i-1].last() >= all[i].Key {
			return fmt.Errorf("set %s: element %s: %w", s.Name, s.keyText(all[i]), errExists)
		}
	}
	for _, e := range list {
		if e.Verdict.Chain != "" && m.chains[e.Verdict.Chain] == nil {
			return fmt.Errorf("chain %s: %w", e.Verdict.Chain, errMissing)
		}
	}
	s.Elements = all
	m.countElements(list, 1)
	return nil
}

func (m *modelTable) deleteElements(s *Set, list []Element) error {
	// Marked first and removed together: removing one by one would move the rest each time.
	gone := make(map[Key]bool, len(list))
	for _, e := range list {
		i, ok := slices.BinarySearchFunc(s.Elements, e.Key, func(have Element, key Key) int {
			return compare(string(have.Key), string(key))
		})
		if !ok || gone[e.Key] || s.Elements[i].Last != e.Last {
			return fmt.Errorf("set %s: element %s: %w", s.Name, s.keyText(e), errMissing)
		}
		gone[e.Key] = true
		m.countElements(s.Elements[i:i+1], -1)
	}
	kept := make([]Element, 0, len(s.Elements)-len(gone))
	for _, e := range s.Elements {
		if !gone[e.Key] {
			kept = append(kept, e)
		}
	}
	s.Elements = kept
	return nil
}

func (m *modelTable) applyChain(op Op) error {
	name := op.Chain.Name
	if op.Kind == AddChain {
		m.chains[name] = bare(op.Chain)
		return m.create(object{toChain, name})
	}
	c := m.chains[name]
	if c == nil {
		return fmt.Errorf("chain %s: %w", name, errMissing)
	}
	switch op.Kind {
	case FlushChain:
		m.countRules(c.Rules, -1)
		c.Rules = nil
	case AddRules:
		return m.addRules(c, op.Chain.Rules)
	case DeleteChain:
		if len(c.Rules) > 0 {
			return fmt.Errorf("chain %s: %w", name, errInUse)
		}
		delete(m.chains, name)
		return m.remove(object{toChain, name})
	default:
		return fmt.Errorf("unknown operation %d", op.Kind)
	}
	return nil
}

func (m *modelTable) addRules(c *Chain, rules []Rule) error {
	for _, r := range rules {
		for _, s := range r.Statements {
			kind, name := reference(s)
			if kind == toNothing {
				continue
			}
			if _, ok := m.uses[object{kind, name}]; !ok {
				return fmt.Errorf("chain %s: %s: %w", c.Name, name, errMissing)
			}
		}
	}
	c.Rules = slices.Concat(c.Rules, rules)
	m.countRules(rules, 1)
	return nil
}
