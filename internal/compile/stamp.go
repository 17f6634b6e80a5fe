// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// Stamp is the part of a ruleset that does not follow from policies and endpoints.
type Stamp struct {
	// Generation counts the applied transactions of this node. Every transaction replaces the
	// one before: if another process applied in between, the kernel refuses the whole.
	Generation uint32 `json:"generation"`
	// Epoch is the value of the conntrack mark field that lets a flow pass unjudged.
	Epoch uint32 `json:"epoch"`
}

// Stamped returns a copy of the ruleset with epoch and generation in place: the set generation,
// and in each IP family the set live, the rule that marks flows and the rules that ask for a
// live flow. The epoch is never zero.
//
// Compile leaves look-ups of the set live, which is empty: a ruleset without a stamp lets no flow
// pass unjudged. Here they become comparisons with the one mark that is live, which cost an
// established packet a fraction of a look-up, twice on its way. They change with the epoch only,
// in the transaction that replaces the rule that marks. The set stays as the record of the live
// mark that another process reads back.
func (c Config) Stamped(r *ruleset.Ruleset, s Stamp) *ruleset.Ruleset {
	out := &ruleset.Ruleset{Tables: slices.Clone(r.Tables)}
	for i := range out.Tables {
		t := &out.Tables[i]
		if t.Family == ruleset.Bridge {
			continue
		}
		t.Sets = slices.Clone(t.Sets)
		for j := range t.Sets {
			switch t.Sets[j].Name {
			case liveSet:
				t.Sets[j].Elements = []ruleset.Element{{Key: ruleset.Mark(c.mark(s.Epoch))}}
			case "generation":
				t.Sets[j].Elements = []ruleset.Element{{Key: ruleset.Mark(s.Generation)}}
			}
		}
		t.Chains = slices.Clone(t.Chains)
		for j := range t.Chains {
			if stamped[t.Chains[j].Name] {
				t.Chains[j].Rules = c.stampRules(t.Chains[j].Rules, s.Epoch)
			}
		}
	}
	return out
}

// liveSet holds the one conntrack mark, masked, that lets a flow pass unjudged.
const liveSet = "live"

// stamped are the chains whose rules know the epoch: few, since each is replaced when it changes.
// Errors about flows are rare, and go on asking the set.
var stamped = map[string]bool{"forward": true, "input": true, "postrouting": true, "judged": true}

func (c Config) stampRules(rules []ruleset.Rule, epoch uint32) []ruleset.Rule {
	rules = slices.Clone(rules)
	for i := range rules {
		rules[i].Statements = slices.Clone(rules[i].Statements)
		for j, statement := range rules[i].Statements {
			switch x := statement.(type) {
			case ruleset.Lookup:
				if x.Set == liveSet {
					rules[i].Statements[j] = ruleset.Masked{Field: ruleset.CTMark,
						Mask: c.EpochMask, Value: c.mark(epoch)}
				}
			case ruleset.SetMark:
				if x.CT {
					x.Or = c.mark(epoch)
					rules[i].Statements[j] = x
				}
			}
		}
	}
	return rules
}

// Narrows reports whether going from one ruleset to the next may forbid a flow that runs. It
// errs on the safe side: only changes that are known to allow more, or nothing less, pass as
// widening. A new or moved endpoint narrows too: flows that ran to its address while nobody
// owned it would otherwise be inherited.
func Narrows(ops []ruleset.Op) bool {
	return slices.ContainsFunc(ops, func(op ruleset.Op) bool {
		switch op.Kind {
		case ruleset.AddTable, ruleset.AddCounter, ruleset.DeleteCounter, ruleset.AddSet,
			ruleset.DeleteSet:
			return false
		case ruleset.AddElements:
			return !widening(op.Set.Name)
		case ruleset.DeleteElements:
			return !narrowing(op.Set.Name)
		}
		return true
	})
}

// widening says that more members of the set allow more and forbid nothing. The sets of new
// chains need no mention: adding a chain counts as narrowing already. What is audited or recorded
// is accepted; a member that goes from one accepting set to the other leaves the first, and that
// counts as narrowing whatever comes with it.
func widening(set string) bool {
	return hasPrefix(set, "peers-accept-", "blocks-accept-", "peers-audit-", "blocks-audit-",
		"peers-allow-", "blocks-allow-")
}

// narrowing says that more members of the set forbid more: fewer allow more.
func narrowing(set string) bool {
	return hasPrefix(set, "peers-rule-", "peers-default-", "peers-reject-",
		"blocks-rule-", "blocks-default-", "blocks-reject-")
}

func hasPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}
