// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// recordFaults are mistakes with rules that have log All.
var recordFaults = []fault{
	{name: "log All is forgotten", policy: withLog(policy.LogAll, policy.LogDenied)},
	{name: "log Denied is taken for All", policy: withLog(policy.LogDenied, policy.LogAll)},
	{name: "recorded elements are missing", ruleset: func(r *ruleset.Ruleset) {
		eachSet(r, "peers-allow-", func(s *ruleset.Set) bool {
			if len(s.Elements) > 0 {
				s.Elements = s.Elements[1:]
			}
			return false
		})
	}},
	{name: "a recorded packet is not counted", ruleset: eachRecord(func(c *ruleset.Chain, i int) {
		c.Rules = slices.Delete(c.Rules, i+1, i+2)
	})},
	{name: "a recorded packet is not logged", ruleset: eachRecord(func(c *ruleset.Chain, i int) {
		c.Rules = slices.Delete(c.Rules, i+2, i+3)
	})},
	{name: "a recorded packet is dropped", ruleset: eachRecord(func(c *ruleset.Chain, i int) {
		c.Rules[i+3].Statements = []ruleset.Statement{drop()}
	})},
	{name: "a recorded packet skips what is left to ask",
		ruleset: eachRecord(func(c *ruleset.Chain, i int) {
			if strings.Contains(c.Name, "-egress-") {
				c.Rules[i+3].Statements = []ruleset.Statement{goTo("done")}
			}
		})},
	{name: "an unanswered flow is recorded again", ruleset: eachRecord(
		func(c *ruleset.Chain, i int) { c.Rules = slices.Delete(c.Rules, i, i+1) })},
	{name: "an answered flow is recorded again", ruleset: eachRecord(
		func(c *ruleset.Chain, i int) {
			for _, j := range []int{i + 1, i + 2} {
				c.Rules[j].Statements = c.Rules[j].Statements[1:]
			}
		})},
}

func withLog(from, to policy.LogMode) func(*policy.Policy) {
	return func(p *policy.Policy) {
		for d := range p.Rules {
			for i := range p.Rules[d] {
				if p.Rules[d][i].Log == from {
					p.Rules[d][i].Log = to
				}
			}
		}
	}
}

// eachRecord changes the chains that record what is accepted; i is the first of their four rules
// about it.
func eachRecord(change func(c *ruleset.Chain, i int)) func(*ruleset.Ruleset) {
	return func(r *ruleset.Ruleset) {
		for i := range r.Tables {
			for j := range r.Tables[i].Chains {
				c := &r.Tables[i].Chains[j]
				if strings.HasPrefix(c.Name, "accept-") && strings.Contains(c.Name, "-allow") {
					c.Rules = slices.Clone(c.Rules)
					change(c, len(c.Rules)-4)
				}
			}
		}
	}
}
