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

// AuditCounter tells whether a counter object counts audited packets, and of which direction.
func AuditCounter(name string) (policy.Direction, bool) {
	return counterOf(name, audited, auditedSilently)
}

// AllowCounter tells whether a counter object counts accepted connections of which a rule asks for
// a record, and of which direction.
func AllowCounter(name string) (policy.Direction, bool) { return counterOf(name, recorded) }

func counterOf(name string, outcomes ...outcome) (policy.Direction, bool) {
	for k := range kindCount {
		for _, o := range outcomes {
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
