// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// auditFaults are mistakes with policies in Audit mode. Those that change a verdict are caught by
// it, the others by counters and logs alone.
var auditFaults = []fault{
	{name: "an Audit policy is enforced", policy: inAudit(func(p *policy.Policy) {
		p.Mode = policy.Enforce
	})},
	{name: "an Audit policy is forgotten", policy: inAudit(func(p *policy.Policy) {
		p.Isolates, p.Rules = [2]bool{}, [2][]policy.Rule{}
	})},
	{name: "an Audit NetworkPolicy does not isolate", policy: inAudit(func(p *policy.Policy) {
		p.Isolates = [2]bool{}
	})},
	{name: "an Audit policy comes last in its tier", policy: inAudit(func(p *policy.Policy) {
		p.Priority += 100
	})},
	{name: "an Audit policy's Accept is not seen", policy: inAudit(withoutAction(policy.Accept))},
	{name: "an Audit policy's Pass is not seen", policy: inAudit(withoutAction(policy.Pass))},
	{name: "an Audit policy's log None is not seen", policy: inAudit(func(p *policy.Policy) {
		for d := range p.Rules {
			for i := range p.Rules[d] {
				p.Rules[d][i].Log = policy.LogDenied
			}
		}
	})},
	{name: "an Audit policy is judged with another one", set: joinAudits},
	{name: "audited elements are missing", ruleset: loseAudited},
	{name: "an audited packet is not counted", ruleset: eachAudit(func(c *ruleset.Chain) {
		c.Rules = c.Rules[1:]
	})},
	{name: "an audited packet is dropped", ruleset: eachAudit(func(c *ruleset.Chain) {
		c.Rules[len(c.Rules)-1].Statements = []ruleset.Statement{drop()}
	})},
	{name: "an audited packet skips what is left to ask", ruleset: eachAudit(func(c *ruleset.Chain) {
		if strings.Contains(c.Name, "-egress-") {
			c.Rules[len(c.Rules)-1].Statements = []ruleset.Statement{goTo("done")}
		}
	})},
}

func inAudit(change func(*policy.Policy)) func(*policy.Policy) {
	return func(p *policy.Policy) {
		if p.Mode == policy.Audit {
			change(p)
		}
	}
}

func withoutAction(a policy.Action) func(*policy.Policy) {
	return func(p *policy.Policy) {
		for d := range p.Rules {
			p.Rules[d] = slices.DeleteFunc(p.Rules[d],
				func(r policy.Rule) bool { return r.Action == a })
		}
	}
}

// joinAudits gives each Audit policy of the Admin and Baseline tiers the rules of the one before
// it in its tier, whoever their subjects are: it is judged as if that one were in force too.
func joinAudits(s *policy.Set) {
	for i, p := range s.Policies {
		if i == 0 || p.Mode != policy.Audit || p.Tier == policy.NetworkPolicyTier {
			continue
		}
		before := s.Policies[i-1]
		if before.Mode != policy.Audit || before.Tier != p.Tier {
			continue
		}
		for d := range p.Rules {
			p.Rules[d] = slices.Concat(before.Rules[d], p.Rules[d])
		}
	}
}

// loseAudited takes one element of each set of audited addresses.
func loseAudited(r *ruleset.Ruleset) {
	eachSet(r, "peers-audit-", func(s *ruleset.Set) bool {
		if len(s.Elements) > 0 {
			s.Elements = s.Elements[1:]
		}
		return false
	})
}

// eachAudit changes the chains of audited outcomes.
func eachAudit(change func(*ruleset.Chain)) func(*ruleset.Ruleset) {
	return func(r *ruleset.Ruleset) {
		for i := range r.Tables {
			for j := range r.Tables[i].Chains {
				c := &r.Tables[i].Chains[j]
				if strings.HasPrefix(c.Name, "accept-") && strings.Contains(c.Name, "-audit") {
					c.Rules = slices.Clone(c.Rules)
					change(c)
				}
			}
		}
	}
}
