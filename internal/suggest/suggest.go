// SPDX-License-Identifier: Apache-2.0

// Package suggest finds the smallest change of policy that lets a refused flow through: one
// NetworkPolicy with one rule for each direction that refuses. Every suggestion has been tried:
// with it the law accepts the flow, nothing that was accepted is refused, and what else it opens
// is told. Where no NetworkPolicy can help, it says what stands in the way. It performs no I/O.
package suggest

import (
	"slices"

	"github.com/bulkhead-net/bulkhead/policy"
)

// Answer is what would let a flow through. Either there are documents, which together do it, or
// there are obstacles; neither if the flow is accepted already.
type Answer struct {
	Flow string `json:"flow"`
	// Decision is the one in force.
	Decision  policy.Decision `json:"decision"`
	Documents []Document      `json:"documents"`
	Obstacles []Obstacle      `json:"obstacles"`
	// Opens names the other flows of the same protocol and port that the documents would let
	// through between the endpoints that are known, and OpensCount is how many there are: more
	// than are named if there are more than MaxOpens.
	Opens      []string `json:"opens"`
	OpensCount int      `json:"opensCount"`
	// Notes are what somebody should know before applying the documents.
	Notes []string `json:"notes"`
}

// MaxOpens bounds how many flows an Answer names.
const MaxOpens = 20

// Document is one document to add to those in force.
type Document struct {
	Ref       policy.Ref       `json:"ref"`
	Direction policy.Direction `json:"direction"`
	// YAML is the whole document, without the separator.
	YAML string `json:"yaml"`
	// Changes says in one sentence what the document does.
	Changes string `json:"changes"`
}

// Obstacle is why no NetworkPolicy lets the flow through.
type Obstacle struct {
	Direction policy.Direction `json:"direction"`
	Reason    policy.Reason    `json:"reason"`
	// Rule is the rule that would have to change, if one does.
	Rule *policy.RuleRef `json:"rule,omitempty"`
	// Why says what refuses, why a NetworkPolicy does not help, and what would.
	Why string `json:"why"`
}

// Accepted says that nothing has to change.
func (a Answer) Accepted() bool { return a.Decision.Action == policy.Accept }

// world is a question with what is known on the node that is asked.
type world struct {
	set       *policy.Set
	endpoints []*policy.Endpoint
	flow      policy.Flow
}

// For answers for one flow. Endpoints are all that are known: labels are chosen such that they
// select as few of them as possible.
func For(set *policy.Set, endpoints []*policy.Endpoint, f policy.Flow) Answer {
	w := world{set, endpoints, f}
	a := Answer{Flow: f.String(), Decision: set.Evaluate(f), Documents: []Document{},
		Obstacles: []Obstacle{}, Opens: []string{}, Notes: []string{}}
	if a.Accepted() {
		return a
	}
	refusals := w.refusals(a.Decision)
	for _, refusal := range refusals {
		if o, stands := w.obstacle(refusal); stands {
			a.Obstacles = append(a.Obstacles, o)
		}
	}
	if len(a.Obstacles) > 0 {
		return a
	}
	for _, refusal := range refusals {
		d, notes, o := w.document(refusal)
		if o != nil {
			a.Obstacles = append(a.Obstacles, *o)
			continue
		}
		a.Documents, a.Notes = append(a.Documents, d), append(a.Notes, notes...)
	}
	a.Notes = slices.Compact(a.Notes) // what refuses both directions is told once
	w.try(&a)
	if len(a.Obstacles) > 0 {
		a.Documents, a.Notes, a.Opens, a.OpensCount = []Document{}, []string{}, []string{}, 0
	}
	return a
}

// refusals are the decisions of the directions that refuse, egress first. What no policy decides
// is refused once.
func (w world) refusals(d policy.Decision) []policy.Decision {
	if !decidedByPolicy(d.Reason) {
		return []policy.Decision{d}
	}
	var out []policy.Decision
	for _, direction := range []policy.Direction{policy.Egress, policy.Ingress} {
		if d := w.set.EvaluateDirection(direction, w.flow); d.Action != policy.Accept {
			out = append(out, d)
		}
	}
	return out
}

func decidedByPolicy(r policy.Reason) bool {
	return slices.Contains([]policy.Reason{policy.ReasonRule, policy.ReasonDefaultDeny,
		policy.ReasonQuarantine}, r)
}

// judged is the endpoint whose direction it is, and other the party at the other end.
func (w world) judged(d policy.Direction) *policy.Endpoint {
	if d == policy.Egress {
		return w.flow.From.Endpoint
	}
	return w.flow.To.Endpoint
}

func (w world) other(d policy.Direction) policy.Party {
	if d == policy.Egress {
		return w.flow.To
	}
	return w.flow.From
}
