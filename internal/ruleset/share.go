// SPDX-License-Identifier: Apache-2.0

package ruleset

import "slices"

// Shared is the ruleset with the elements and rules of old in place of its own where they are
// equal. It says the same; but what the two share, Diff need not compare, and memory holds once.
// Neither ruleset is changed, and nobody may change either from then on.
func (r *Ruleset) Shared(old *Ruleset) *Ruleset {
	out := &Ruleset{Tables: slices.Clone(r.Tables)}
	for i := range out.Tables {
		if from := old.table(out.Tables[i].Family); from != nil {
			out.Tables[i].share(newIndex(from))
		}
	}
	return out
}

func (t *Table) share(from *index) {
	t.Sets = slices.Clone(t.Sets)
	for i := range t.Sets {
		s := &t.Sets[i]
		if old := from.sets[s.Name]; old != nil && slices.Equal(old.Elements, s.Elements) {
			s.Elements = old.Elements
		}
	}
	t.Chains = slices.Clone(t.Chains)
	for i := range t.Chains {
		c := &t.Chains[i]
		if old := from.chains[c.Name]; old != nil && equalRules(old.Rules, c.Rules) {
			c.Rules = old.Rules
		}
	}
}

// same tells whether two slices are one, without looking at what they hold.
func same[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
