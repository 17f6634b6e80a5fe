// SPDX-License-Identifier: Apache-2.0

package policy

// Audited says that one Audit policy would have refused a direction that is accepted: with this
// policy alone in force, in its place among the enforced ones, the direction's decision would be
// the one told here. Nothing is refused for its sake.
type Audited struct {
	// Policy is the Audit policy.
	Policy    Ref       `json:"policy"`
	Direction Direction `json:"direction"`
	// Action is Deny or Reject.
	Action Action `json:"action"`
	// Reason is ReasonRule or ReasonDefaultDeny.
	Reason Reason `json:"reason"`
	// Rule is the rule that would have decided, when Reason is ReasonRule. It belongs to an
	// enforced policy when the Audit policy passes over the rule that accepts now.
	Rule *RuleRef `json:"rule,omitempty"`
	// Isolating names, for a default deny, every policy that would isolate the endpoint.
	Isolating []Ref `json:"isolating,omitempty"`
	// Silent is that of the Decision: it would have been counted, and not logged.
	Silent bool   `json:"silent,omitempty"`
	Why    string `json:"why"`
}

// wouldDeny asks each Audit policy alone what it would make of a direction that is accepted.
func (s *Set) wouldDeny(d Direction, f Flow) []Audited {
	var out []Audited
	for _, p := range s.Policies {
		if p.Mode != Audit || !p.speaksOf(d) || !s.Selects(p, f.judged(d).Endpoint) {
			continue
		}
		alone := s.decide(d, f, p)
		if alone.Action == Accept {
			continue
		}
		out = append(out, Audited{Policy: p.Ref, Direction: d, Action: alone.Action,
			Reason: alone.Reason, Rule: alone.Rule, Isolating: alone.Isolating,
			Silent: alone.Silent, Why: alone.Why})
	}
	return out
}

// speaksOf reports whether the policy can change anything about the direction.
func (p *Policy) speaksOf(d Direction) bool { return p.Isolates[d] || len(p.Rules[d]) > 0 }
