// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"reflect"
	"slices"
	"testing"
)

func TestOrderOfNetworkPoliciesNeverMatters(t *testing.T) {
	forRandom(t, 1, func(t *testing.T, c chance, s *Set, f Flow) {
		want := s.Evaluate(f)
		shuffled := *s
		shuffled.Policies = slices.Clone(s.Policies)
		first := slices.IndexFunc(s.Policies, isNetworkPolicy)
		if first < 0 {
			return
		}
		tier := shuffled.Policies[first:]
		if end := slices.IndexFunc(tier, func(p *Policy) bool {
			return !isNetworkPolicy(p)
		}); end >= 0 {
			tier = tier[:end]
		}
		c.Shuffle(len(tier), func(i, j int) { tier[i], tier[j] = tier[j], tier[i] })
		got := shuffled.Evaluate(f)
		if got.Action != want.Action || got.Reason != want.Reason ||
			len(got.Isolating) != len(want.Isolating) {
			t.Errorf("%s: got %s in another order, want %s", f, got.Why, want.Why)
		}
	})
}

func isNetworkPolicy(p *Policy) bool { return p.Tier == NetworkPolicyTier }

func TestAnAcceptRuleNeverDenies(t *testing.T) {
	forRandom(t, 2, func(t *testing.T, c chance, s *Set, f Flow) {
		i := slices.IndexFunc(s.Policies, isNetworkPolicy)
		if i < 0 || s.Evaluate(f).Action != Accept {
			return
		}
		d, added := pick(c, Egress, Ingress), *s.Policies[i]
		added.Rules[d] = append([]Rule{c.rule(Accept)}, added.Rules[d]...)
		wider := *s
		wider.Policies = slices.Clone(s.Policies)
		wider.Policies[i] = &added
		if got := wider.Evaluate(f); got.Action != Accept {
			t.Errorf("%s: got %q after an Accept rule was added to %s, want Accept", f, got.Why,
				added.Ref)
		}
	})
}

func TestAuditPoliciesHaveNoInfluence(t *testing.T) {
	forRandom(t, 3, func(t *testing.T, _ chance, s *Set, f Flow) {
		without := *s
		without.Policies = slices.DeleteFunc(slices.Clone(s.Policies), func(p *Policy) bool {
			return p.Mode == Audit
		})
		got, want := s.Evaluate(f), without.Evaluate(f)
		got.WouldDeny = nil // told, and nothing else
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v want %+v, as without the Audit policies", f, got, want)
		}
	})
}

func TestExplainAgreesWithEvaluate(t *testing.T) {
	forRandom(t, 4, func(t *testing.T, _ chance, s *Set, f Flow) {
		e, want := s.Explain(f), s.Evaluate(f)
		if !reflect.DeepEqual(e.Decision, want) {
			t.Errorf("%s: got decision %+v want %+v", f, e.Decision, want)
		}
		for _, d := range e.Directions {
			if want := s.EvaluateDirection(d.Direction, f); !reflect.DeepEqual(d.Decision, want) {
				t.Errorf("%s: got %+v want %+v", f, d.Decision, want)
			}
			if action, rule, isolating := readTrace(d); action != d.Decision.Action ||
				!reflect.DeepEqual(rule, d.Decision.Rule) ||
				!slices.Equal(isolating, d.Decision.Isolating) {
				t.Errorf("the trace says %s by %v, %v; want %q\n%s", action, rule, isolating,
					d.Decision.Why, e)
			}
		}
	})
}

// readTrace decides again, from the matches that the trace tells and nothing else.
func readTrace(d DirectionTrace) (Action, *RuleRef, []Ref) {
	for _, tier := range d.Tiers {
		if tier.Skipped != "" {
			continue
		}
		var isolating []Ref
		for _, p := range tier.Policies {
			if p.Ignored != "" {
				continue
			}
			isolating = append(isolating, p.Policy)
			for _, r := range p.Rules {
				if r.PeerMatches && r.PortMatches && r.Action != Pass {
					return r.Action, &r.Rule, nil
				}
			}
		}
		if tier.Tier == NetworkPolicyTier && len(isolating) > 0 {
			return tier.Outcome, nil, isolating
		}
	}
	return Accept, nil, nil
}
