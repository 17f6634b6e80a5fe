// SPDX-License-Identifier: Apache-2.0

package ctl_test

import (
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/policy"
)

// TestHostileRecordsReachNoTerminal has every text of a record chosen by somebody who wants to act
// on the terminal of whoever looks at denials.
func TestHostileRecordsReachNoTerminal(t *testing.T) {
	s := newSite(t)
	s.policies(t, sitePolicies)
	const evil = "x\x1b[2J\r\nall three agree\u202e\u009b\x07"
	a := s.attachment("batch")
	a.Endpoint.Name = evil
	a.Endpoint.Labels = map[string]string{"app": evil, evil: "\u200b"}
	s.attach(t, a, s.attachment("db"))
	from := s.party("batch")
	from.Name, from.Labels, from.Device, from.Interface = evil, a.Endpoint.Labels, evil, evil
	r := s.denied(t, 0, from, s.party("db"), 6, 5432)
	plain, audited, odd := r, r, r
	r.Isolating = []policy.Ref{{Kind: evil, Namespace: evil, Name: evil}}
	r.Why, r.Node, r.Counter.Word = evil, evil, evil
	plain.ID = id(1)
	audited.ID, audited.Kind = id(2), "would-deny"
	audited.WouldDeny = []policy.Audited{{Policy: policy.Ref{Kind: evil, Name: evil}, Why: evil}}
	odd.ID, odd.Reason, odd.Action, odd.Policies = id(3)+evil, evil, evil, evil
	odd.Rule = &policy.RuleRef{Name: evil, Tier: evil, Position: policy.Position{File: evil, Line: 1}}
	s.record(t, r, plain, audited, odd)
	for _, line := range []string{"denials", "denials -o json",
		"denials --group-by client,rule,reason", "denials --endpoint ?", "suggest " + id(1),
		"suggest -o json " + id(1), "suggest " + id(3),
		"explain --denial " + id(0), "explain --denial " + id(1), "explain --denial " + id(2),
		"explain --denial " + id(3), "explain -o json --denial " + id(0), "explain --denial ?",
		"denials --reason ?", "denials --since ?", "suggest ?", "denials --policy ?/?/?"} {
		words := append(strings.Fields(line), "--denials-dir", s.denials)
		if words[0] == "denials" && !strings.Contains(line, "--since") {
			words = append(words, allDay)
		}
		for i, word := range words {
			words[i] = strings.ReplaceAll(word, "?", evil)
		}
		harmlessOutput(t, words, s.run(t, words...))
	}
	out, stop := s.follow(t, allDay)
	for range 5 { // the header and four records
		out.line(t)
	}
	stop()
	harmlessOutput(t, []string{"denials", "-f"}, result{out: out.String()})
}
