// SPDX-License-Identifier: Apache-2.0

package policy

// Explanation is a Decision with everything that was asked on the way to it.
type Explanation struct {
	// Flow is the flow as text: "tcp/80 from shop/api to shop/web".
	Flow string `json:"flow"`
	// Decision is what Evaluate says.
	Decision Decision `json:"decision"`
	// Directions are egress, then ingress. Both are traced, even if egress alone denies. They
	// are missing when the flow was decided before any policy was asked.
	Directions []DirectionTrace `json:"directions,omitempty"`
}

// DirectionTrace is how one direction was judged.
type DirectionTrace struct {
	Direction Direction `json:"direction"`
	// Party is the side that is judged: the source for egress, the destination for ingress.
	Party string `json:"party"`
	// Tiers are missing when the party is not an endpoint.
	Tiers []TierTrace `json:"tiers,omitempty"`
	// Decision is what EvaluateDirection says.
	Decision Decision `json:"decision"`
}

// TierTrace is what one tier said.
type TierTrace struct {
	Tier Tier `json:"tier"`
	// Skipped says, when not empty, why the tier was not asked.
	Skipped string `json:"skipped,omitempty"`
	// Outcome is the tier's answer: Accept, Deny or Reject are final, Pass and empty are not.
	Outcome  Action        `json:"outcome,omitempty"`
	Policies []PolicyTrace `json:"policies,omitempty"`
}

// PolicyTrace is what one policy said.
type PolicyTrace struct {
	Policy   Ref      `json:"policy"`
	Position Position `json:"position"`
	Priority int32    `json:"priority"`
	Mode     Mode     `json:"mode"`
	// Ignored says, when not empty, why the policy has no say in this direction of the flow.
	Ignored string `json:"ignored,omitempty"`
	// Rules are those that were asked. In Admin and Baseline the first match is the last one.
	Rules []RuleTrace `json:"rules,omitempty"`
	// Alone is how the direction would be decided if this Audit policy were enforced, and no
	// other. It is missing when the policy does not select the endpoint or says nothing about
	// the direction.
	Alone *Decision `json:"alone,omitempty"`
}

// RuleTrace is what one rule said.
type RuleTrace struct {
	Rule   RuleRef `json:"rule"`
	Action Action  `json:"action"`
	// PeerMatches and PortMatches say which half of the rule matched; it takes both.
	PeerMatches bool `json:"peerMatches"`
	PortMatches bool `json:"portMatches"`
	// Decides marks the rule that gives the tier's outcome.
	Decides bool   `json:"decides,omitempty"`
	Why     string `json:"why"`
}

// The reasons why a policy has no say.
const (
	ignoredAudit    = "in Audit mode"
	ignoredSubject  = "does not select it"
	ignoredIsolates = "does not list this direction in policyTypes"
	ignoredDecided  = "not asked, an earlier rule decided"
)

// Explain decides as Evaluate does and tells, tier by tier, what was asked and what matched.
func (s *Set) Explain(f Flow) Explanation {
	e := Explanation{Flow: f.String(), Decision: s.Evaluate(f)}
	if _, decided := s.beforePolicy(f); decided {
		return e
	}
	e.Directions = []DirectionTrace{s.traceDirection(Egress, f), s.traceDirection(Ingress, f)}
	return e
}

func (s *Set) traceDirection(d Direction, f Flow) DirectionTrace {
	trace := DirectionTrace{Direction: d, Party: f.judged(d).String(),
		Decision: s.EvaluateDirection(d, f)}
	if f.judged(d).Endpoint == nil {
		return trace
	}
	skip := ""
	if f.judged(d).Endpoint.Quarantine != nil {
		skip = skippedQuarantine
	}
	for _, t := range tiers {
		tier := TierTrace{Tier: t, Skipped: skip}
		switch {
		case skip != "":
		case t == NetworkPolicyTier:
			tier = s.traceNetworkPolicies(d, f)
		default:
			tier = s.traceOrdered(t, d, f)
		}
		if tier.Outcome != "" && tier.Outcome != Pass {
			skip = "the " + string(t) + " tier decided"
		}
		trace.Tiers = append(trace.Tiers, tier)
	}
	return trace
}

func (s *Set) traceOrdered(t Tier, d Direction, f Flow) TierTrace {
	tier := TierTrace{Tier: t}
	for _, p := range s.ofTier(t) {
		trace := s.tracePolicy(p, d, f)
		switch {
		case trace.Ignored != "":
		case tier.Outcome != "":
			trace.Ignored = ignoredDecided
		default:
			trace.Rules, tier.Outcome = s.traceUntilMatch(p, d, f)
		}
		tier.Policies = append(tier.Policies, trace)
	}
	return tier
}

// traceUntilMatch asks the rules in order and returns the action of the first that matches, or
// no action.
func (s *Set) traceUntilMatch(p *Policy, d Direction, f Flow) ([]RuleTrace, Action) {
	var rules []RuleTrace
	for _, r := range p.Rules[d] {
		rule := s.traceRule(p, d, r, f)
		rule.Decides = rule.PeerMatches && rule.PortMatches
		rules = append(rules, rule)
		if rule.Decides {
			return rules, rule.Action
		}
	}
	return rules, ""
}

// traceNetworkPolicies asks every rule, because every match counts alike; the first one is named.
func (s *Set) traceNetworkPolicies(d Direction, f Flow) TierTrace {
	tier := TierTrace{Tier: NetworkPolicyTier}
	if f.other(d).Host {
		tier.Skipped = "the own node is exempt"
		return tier
	}
	isolating := s.isolating(d, f.judged(d).Endpoint, nil)
	if len(isolating) > 0 {
		tier.Outcome = defaultDeny(isolating, d, f).Action
	}
	for _, p := range s.ofTier(NetworkPolicyTier) {
		trace := s.tracePolicy(p, d, f)
		if trace.Ignored == "" && !p.Isolates[d] {
			trace.Ignored = ignoredIsolates
		}
		for _, r := range p.Rules[d] {
			if trace.Ignored != "" {
				break
			}
			rule := s.traceRule(p, d, r, f)
			if rule.Action == Accept && rule.PeerMatches && rule.PortMatches {
				rule.Decides = tier.Outcome != Accept
				tier.Outcome = Accept
			}
			trace.Rules = append(trace.Rules, rule)
		}
		tier.Policies = append(tier.Policies, trace)
	}
	return tier
}

func (s *Set) ofTier(t Tier) []*Policy {
	var list []*Policy
	for _, p := range s.Policies {
		if p.Tier == t {
			list = append(list, p)
		}
	}
	return list
}

// tracePolicy says whether the policy has a say at all; its rules are asked by the caller.
func (s *Set) tracePolicy(p *Policy, d Direction, f Flow) PolicyTrace {
	trace := PolicyTrace{Policy: p.Ref, Position: p.Position, Priority: p.Priority, Mode: p.Mode}
	switch {
	case !s.Selects(p, f.judged(d).Endpoint):
		trace.Ignored = ignoredSubject
	case p.Mode == Audit:
		trace.Ignored = ignoredAudit
		if p.speaksOf(d) {
			alone := s.decide(d, f, p)
			trace.Alone = &alone
		}
	}
	return trace
}

func (s *Set) traceRule(p *Policy, d Direction, r Rule, f Flow) RuleTrace {
	trace := RuleTrace{Rule: p.RuleRef(d, r), Action: p.RuleAction(r),
		PeerMatches: s.AnyPeerMatches(r, f.other(d)), PortMatches: s.AnyPortMatches(r, f)}
	trace.Why = ruleTraceWhy(r, d, f, trace)
	return trace
}
