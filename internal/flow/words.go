// SPDX-License-Identifier: Apache-2.0

package flow

import "github.com/bulkhead-net/bulkhead/policy"

// The four questions that are asked about an endpoint, as the rules spell them.
const (
	kindEgress   = "egress"    // what the endpoint sends to endpoints and the world
	kindIngress  = "ingress"   // what endpoints and the world send to it
	kindToHost   = "to-host"   // what it sends to the own node
	kindFromHost = "from-host" // what the own node sends to it
)

var kinds = []string{kindEgress, kindIngress, kindToHost, kindFromHost}

// directionOf is the direction of a question, as seen from the endpoint that is judged.
func directionOf(kind string) policy.Direction {
	if kind == kindEgress || kind == kindToHost {
		return policy.Egress
	}
	return policy.Ingress
}

// meaning is what a word of a group says.
type meaning struct {
	reason Reason
	action Action
	kind   Kind
	silent bool
}

var groupWords = map[string]meaning{
	"rule":               {ReasonRule, Drop, Denied, false},
	"default":            {ReasonDefaultDeny, Drop, Denied, false},
	"reject-rule":        {ReasonRule, Reject, Denied, false},
	"reject-default":     {ReasonDefaultDeny, Reject, Denied, false},
	"rule-silent":        {ReasonRule, Drop, Denied, true},
	"reject-rule-silent": {ReasonRule, Reject, Denied, true},
	"quarantine":         {ReasonQuarantine, Drop, Denied, false},
	"audit":              {ReasonAudit, Pass, WouldDeny, false},
	"audit-silent":       {ReasonAudit, Pass, WouldDeny, true},
	"allow":              {ReasonRule, Pass, Allowed, false},
}

// wordOf is the word under which the rules count what policy decides so, or "accept" for what
// they do not count.
func wordOf(d policy.Decision) string {
	word := "rule"
	switch {
	case d.Action == policy.Accept:
		return auditWord(d.WouldDeny)
	case d.Reason == policy.ReasonQuarantine:
		return "quarantine"
	case d.Reason == policy.ReasonDefaultDeny:
		word = "default"
	case d.Reason != policy.ReasonRule:
		return string(d.Reason)
	case d.Silent:
		word = "rule-silent"
	}
	if d.Action == policy.Reject {
		return "reject-" + word
	}
	return word
}

// auditWord: one Audit policy that would have logged is enough to log.
func auditWord(would []policy.Audited) string {
	word := "accept"
	for _, a := range would {
		if !a.Silent {
			return "audit"
		}
		word = "audit-silent"
	}
	return word
}

// isWord reports whether s is a word of the rules: lower case, digits and dashes. What a newer
// agent has written into the kernel is kept as it is.
func isWord(s string) bool {
	if s == "" || s == "-" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// isHash reports whether s can be the hash of a group.
func isHash(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
