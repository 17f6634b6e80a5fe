// SPDX-License-Identifier: Apache-2.0

package policy

// Evaluate decides about a flow by its first packet. Replies, and the ICMP errors that belong to
// it, share its fate. The source's egress and the destination's ingress must both allow; a side
// that is no endpoint is not judged. Neighbour discovery and group membership are not flows.
func (s *Set) Evaluate(f Flow) Decision {
	if d, decided := s.beforePolicy(f); decided {
		return d
	}
	egress := s.EvaluateDirection(Egress, f)
	if egress.Action != Accept {
		return egress
	}
	return bothAsked(egress, s.EvaluateDirection(Ingress, f))
}

// bothAsked is the decision once egress accepts. When nothing judges the destination, the reason
// to tell is the one of egress.
func bothAsked(egress, ingress Decision) Decision {
	if ingress.Reason != ReasonNotSubject {
		ingress.WouldDeny = append(egress.WouldDeny, ingress.WouldDeny...)
		ingress.Logged = append(egress.Logged, ingress.Logged...)
		return ingress
	}
	egress.Direction = Ingress
	return egress
}

// EvaluateDirection decides about one direction of a flow, by policy alone: quarantine, then Admin,
// then NetworkPolicy, then Baseline, then allow. What is always dropped is not asked for here.
// Audit policies are asked only about a direction that the enforced ones accept.
func (s *Set) EvaluateDirection(d Direction, f Flow) Decision {
	decision := s.decide(d, f, nil)
	if decision.Action == Accept && decision.Reason != ReasonNotSubject {
		decision.WouldDeny = s.wouldDeny(d, f)
	}
	return decision
}

// decide decides by the enforced policies, and by one Audit policy in its place among them when
// trial is not nil.
func (s *Set) decide(d Direction, f Flow, trial *Policy) Decision {
	if f.judged(d).Endpoint == nil {
		return Decision{Action: Accept, Direction: d, Reason: ReasonNotSubject,
			Why: notSubjectWhy(d, f)}
	}
	if decision, decided := quarantineTier(d, f); decided {
		return decision
	}
	if decision, decided := s.orderedTier(AdminTier, d, f, trial); decided {
		return decision
	}
	if decision, decided := s.networkPolicyTier(d, f, trial); decided {
		return decision
	}
	if decision, decided := s.orderedTier(BaselineTier, d, f, trial); decided {
		return decision
	}
	return Decision{Action: Accept, Direction: d, Reason: ReasonDefaultAllow,
		Why: defaultAllowWhy(d, f)}
}

// orderedTier asks the policies of Admin or Baseline in order. The first rule that matches
// decides; Pass leaves the tier undecided, and so does the absence of a match: these policies
// never isolate by being there.
func (s *Set) orderedTier(t Tier, d Direction, f Flow, trial *Policy) (Decision, bool) {
	for _, p := range s.inForce(t, f.judged(d).Endpoint, trial) {
		for _, r := range p.Rules[d] {
			if !s.RuleMatches(r, d, f) {
				continue
			}
			if p.RuleAction(r) == Pass {
				return Decision{}, false
			}
			return ruleDecision(p, d, r, f), true
		}
	}
	return Decision{}, false
}

// networkPolicyTier decides when a policy isolates the endpoint in this direction: the union of
// the rules of all that do, whatever their order. The own node is exempt in both directions.
func (s *Set) networkPolicyTier(d Direction, f Flow, trial *Policy) (Decision, bool) {
	if f.other(d).Host {
		return Decision{}, false
	}
	isolating := s.isolating(d, f.judged(d).Endpoint, trial)
	if len(isolating) == 0 {
		return Decision{}, false
	}
	var accepts *Decision
	for _, p := range isolating {
		for _, r := range p.Rules[d] {
			// Behind the first match, only a rule that asks for a record still matters: whether
			// there is one must not depend on the order.
			if r.Action != Accept || accepts != nil && r.Log != LogAll || !s.RuleMatches(r, d, f) {
				continue
			}
			decision := ruleDecision(p, d, r, f)
			if accepts != nil {
				accepts.Logged = decision.Logged
				return *accepts, true
			}
			if accepts = &decision; len(decision.Logged) > 0 {
				return decision, true
			}
		}
	}
	if accepts != nil {
		return *accepts, true
	}
	return defaultDeny(isolating, d, f), true
}

// isolating returns the policies that isolate the endpoint in direction d.
func (s *Set) isolating(d Direction, e *Endpoint, trial *Policy) []*Policy {
	var list []*Policy
	for _, p := range s.inForce(NetworkPolicyTier, e, trial) {
		if p.Isolates[d] {
			list = append(list, p)
		}
	}
	return list
}

// inForce returns the policies of a tier whose subject is the endpoint, in order. An Audit policy
// is absent, unless it is the one on trial: it neither accepts, nor denies, nor isolates.
func (s *Set) inForce(t Tier, e *Endpoint, trial *Policy) []*Policy {
	var list []*Policy
	for _, p := range s.Policies {
		if p.Tier == t && (p.Mode != Audit || p == trial) && s.Selects(p, e) {
			list = append(list, p)
		}
	}
	return list
}

func ruleDecision(p *Policy, d Direction, r Rule, f Flow) Decision {
	ref, action := p.RuleRef(d, r), p.RuleAction(r)
	decision := Decision{Action: action, Direction: d, Reason: ReasonRule, Rule: &ref,
		Silent: action != Accept && r.Log == LogNone, Why: ruleWhy(ref, r, action, f)}
	if action == Accept && r.Log == LogAll {
		decision.Logged = []Direction{d}
	}
	return decision
}

// defaultDeny names every policy that isolates the endpoint: to open the flow, a rule in any of
// them is enough. It is a Reject only if all of them ask for that.
func defaultDeny(isolating []*Policy, d Direction, f Flow) Decision {
	action := Reject
	refs := make([]Ref, 0, len(isolating))
	for _, p := range isolating {
		refs = append(refs, p.Ref)
		if p.DenyAction != Reject {
			action = Deny
		}
	}
	return Decision{Action: action, Direction: d, Reason: ReasonDefaultDeny, Isolating: refs,
		Why: defaultDenyWhy(refs, d, f)}
}

// RuleRef names a rule of this policy.
func (p *Policy) RuleRef(d Direction, r Rule) RuleRef {
	return RuleRef{Policy: p.Ref, Tier: p.Tier, Direction: d, Index: r.Index, Name: r.Name,
		Position: r.Position}
}
