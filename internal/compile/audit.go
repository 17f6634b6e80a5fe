// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// auditLimit bounds the samples of audited packets for each endpoint. It is not the limit of
// refusals: what an Audit policy would do must hide nothing that an enforced one does.
const auditLimit = "log-limit-audit"

// audit writes the chain that records what an Audit policy would have refused, and goes on as an
// accepted packet does. Its verdict stands in a rule of its own, behind counter and log: whatever
// becomes of these, the packet passes.
func (e *emitter) audit(g *group, o outcome) string {
	name := "accept-" + g.id + "-" + o.String()
	if !e.has(name) {
		e.chain(name, append(e.auditRecord(g, o), rule(goTo(g.kind.next())))...)
	}
	return name
}

// auditNote writes the chain that records alike and comes back, for who is on another way than a
// group's.
func (e *emitter) auditNote(g *group, o outcome) string {
	name := "record-" + g.id + "-" + o.String()
	if !e.has(name) {
		e.chain(name, e.auditRecord(g, o)...)
	}
	return name
}

// AuditCounter tells whether a counter object counts audited packets, and of which direction.
func AuditCounter(name string) (policy.Direction, bool) {
	for k := range kindCount {
		for _, o := range []outcome{audited, auditedSilently} {
			if strings.HasPrefix(name, k.String()+"-") && strings.HasSuffix(name, "-"+o.String()) {
				return k.direction(), true
			}
		}
	}
	return 0, false
}

// auditRecord counts an audited packet, and logs it unless no refusal would have been logged.
func (e *emitter) auditRecord(g *group, o outcome) []ruleset.Rule {
	counter := g.id + "-" + o.String()
	e.counters[counter] = true
	rules := list(commented(g.title(), ruleset.CounterRef{Name: counter}))
	if o.logs() {
		e.limitSet(auditLimit, e.family.address)
		rules = append(rules, sample(auditLimit,
			e.compiler.log(g.hash(), g.kind.String(), o.String()), g.kind.judged()))
	}
	return rules
}
