// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// allowLimit bounds the samples of accepted connections for each endpoint. They take nothing from
// those of refusals and of audits.
const allowLimit = "log-limit-allow"

// accepting writes the chain that records what is accepted: that a rule asks for it, what an Audit
// policy would have refused, or both. It goes on as an accepted packet does. Its verdict stands in
// a rule of its own, behind counters and logs: whatever becomes of these, the packet passes.
func (e *emitter) accepting(g *group, o outcome) string {
	name := "accept-" + g.id + "-" + o.String()
	if !e.has(name) {
		e.chain(name, e.record(g, o, goTo(g.kind.next()))...)
	}
	return name
}

// acceptingNote writes the chain that records alike and comes back, for who is on another way than
// a group's.
func (e *emitter) acceptingNote(g *group, o outcome) string {
	name := "record-" + g.id + "-" + o.String()
	if !e.has(name) {
		rules := e.record(g, o, giveBack())
		e.chain(name, rules[:len(rules)-1]...)
	}
	return name
}

// record counts and logs an accepted packet, and then does what is said.
func (e *emitter) record(g *group, o outcome, then ruleset.Statement) []ruleset.Rule {
	var rules []ruleset.Rule
	if o.audits() {
		rules = e.auditRecord(g, o.audit())
	}
	if o.records() {
		rules = append(rules, e.allowRecord(g, then)...)
	}
	return append(rules, rule(then))
}

// allowRecord counts and samples new connections. A flow that ran already and is judged again is
// none: its packets are established or, when nobody answers, confirmed.
func (e *emitter) allowRecord(g *group, then ruleset.Statement) []ruleset.Rule {
	counter := g.id + "-" + recorded.String()
	e.counters[counter] = true
	e.limitSet(allowLimit, e.family.address)
	logged := sample(allowLimit, e.compiler.log(g.hash(), g.kind.String(), recorded.String()),
		g.kind.judged())
	fresh := state(ruleset.StateNew)
	logged.Statements = append([]ruleset.Statement{fresh}, logged.Statements...)
	return list(
		rule(fresh, ruleset.Confirmed{}, then),
		commented(g.title(), fresh, ruleset.CounterRef{Name: counter}),
		logged)
}
