// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"fmt"
	"slices"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// reasons say what is dropped whatever the policy, by the name of the chain that drops it.
var reasons = map[string]string{
	"spoof":         "its source is not bound to the interface it comes from",
	"quarantine":    "an interface or address of a managed network to which no endpoint is attached",
	"options":       "source routing",
	"invalid":       "conntrack finds it invalid",
	"untracked":     "it is not tracked",
	"midstream":     "TCP that does not begin with SYN",
	"related":       "an ICMP error about somebody else's flow",
	"redirect":      "an ICMP redirect",
	"multicast":     "broadcast or multicast that is not on the list",
	"loopback":      "a loopback destination from outside",
	"link-local":    "link-local traffic that is not on the list",
	"encapsulation": "a tunnel that begins in an endpoint; allowEncapsulation is off",
	"isolated":      "both endpoints are isolated ports of one bridge",
	"canary":        "a packet that the agent sends to prove that refusals are seen",
	"published":     "the published port's endpoint does not accept it",
	"unjudged": "the IP rules did not see it: its bridge does not hand frames to them " +
		"(br_netfilter)",
	"unknown-port": "a bridge port to which no endpoint is attached",
	"misdelivered": "the port is not the destination's own",
	"ethertype":    "an ethertype that endpoints may not send",
	"router":       "only routers send this",
	"dhcp-server":  "only DHCP servers send this",
}

// differences compares the judges in pairs: the law with the rules, the rules with the kernel.
func (v view) differences(j journey, x explanation) []string {
	found := []string{}
	if want := wanted(x.Law.Decision, j.flow); x.Rules.Verdict != want.String() {
		found = append(found, fmt.Sprintf("the law says %s, so the rules should %s; they %s",
			x.Law.Decision.Action, want, x.Rules.Verdict))
	} else if x.Rules.always() == "" {
		found = append(found, x.auditDifferences()...)
		found = append(found, x.recordDifferences()...)
	}
	for _, e := range []end{j.from, j.to} {
		if e.attachment == nil {
			continue
		}
		if why := v.status.NotEnforced[e.attachment.Endpoint.ID]; why != "" {
			found = append(found, fmt.Sprintf("%s is not enforced, closed: %s",
				&e.attachment.Endpoint, why))
		}
	}
	if n := len(v.drift); n > 0 {
		found = append(found, fmt.Sprintf("the kernel is not as desired, so the trace may not "+
			"describe it: %s, the first: %s; bulkheadctl apply repairs it",
			count(n, "difference"), v.drift[0]))
	}
	return found
}

// auditDifferences compares what Audit policies would deny with what the rules count as such.
func (x explanation) auditDifferences() []string {
	var found []string
	for _, d := range []policy.Direction{policy.Egress, policy.Ingress} {
		switch law, rules := audits(x.Law.Decision, d), x.Rules.audits(d); {
		case law && !rules:
			found = append(found, fmt.Sprintf("an Audit policy would deny the %s; "+
				"the rules do not count it", d))
		case rules && !law:
			found = append(found, fmt.Sprintf("the rules count the %s as audited; "+
				"no Audit policy would deny it", d))
		}
	}
	return found
}

// recordDifferences compares which directions leave a record by the law, and by the rules.
func (x explanation) recordDifferences() []string {
	var found []string
	for _, d := range []policy.Direction{policy.Egress, policy.Ingress} {
		switch law, rules := slices.Contains(x.Law.Decision.Logged, d), x.Rules.records(d); {
		case law && !rules:
			found = append(found, fmt.Sprintf("a rule that accepts the %s asks for a record; "+
				"the rules leave none", d))
		case rules && !law:
			found = append(found, fmt.Sprintf("the rules record that the %s is accepted; "+
				"no rule asks for it", d))
		}
	}
	return found
}

// audits reports whether some Audit policy would deny the direction.
func audits(decision policy.Decision, d policy.Direction) bool {
	return slices.ContainsFunc(decision.WouldDeny, func(a policy.Audited) bool {
		return a.Direction == d
	})
}

// wanted is what the rules must do to the first packet of a flow about which the law says so.
func wanted(d policy.Decision, f policy.Flow) ruleset.Outcome {
	switch {
	case d.Action == policy.Accept:
		return ruleset.Accepted
	case d.Action == policy.Reject && !f.From.Host:
		return ruleset.Rejected
	}
	// The node's own packets are dropped: the kernel cannot reject where they are judged.
	return ruleset.Dropped
}
