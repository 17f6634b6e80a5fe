// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
)

// String renders the trace for a terminal: the decision first, then both directions with what
// each tier, policy and rule said. Policies that do not select the endpoint are only counted.
func (e Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n  %s\n", e.Flow, e.Decision.Action, e.Decision.Why)
	for _, a := range e.Decision.WouldDeny {
		fmt.Fprintf(&b, "  audited: enforced, %s would make its %s %s: %s\n", a.Policy,
			a.Direction, a.Action, a.Why)
	}
	for _, d := range e.Decision.Logged {
		fmt.Fprintf(&b, "  logged: a rule that accepts its %s asks for a record (log: All)\n", d)
	}
	for _, d := range e.Directions {
		d.write(&b)
	}
	return b.String()
}

func (t DirectionTrace) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s of %s: %s (%s)\n", t.Direction, t.Party, t.Decision.Action,
		t.Decision.Reason)
	for _, tier := range t.Tiers {
		tier.write(b)
	}
}

func (t TierTrace) write(b *strings.Builder) {
	fmt.Fprintf(b, "  %s: %s\n", t.Tier, t.summary())
	unselected := 0
	for _, p := range t.Policies {
		if p.Ignored == ignoredSubject {
			unselected++
			continue
		}
		p.write(b)
	}
	if unselected > 0 {
		fmt.Fprintf(b, "    other policies, which do not select it: %d\n", unselected)
	}
}

func (t TierTrace) summary() string {
	switch {
	case t.Skipped != "":
		return "not asked, " + t.Skipped
	case t.Outcome == Pass:
		return "Pass, the next tier is asked"
	case t.Outcome != "":
		return string(t.Outcome)
	case t.Tier == NetworkPolicyTier:
		return "not isolated"
	}
	return "no rule matches"
}

func (t PolicyTrace) write(b *strings.Builder) {
	fmt.Fprintf(b, "    %s", t.Policy)
	if t.Policy.Kind != KindNetworkPolicy {
		fmt.Fprintf(b, " (priority %d)", t.Priority)
	}
	if t.Ignored != "" {
		fmt.Fprintf(b, ": %s", t.Ignored)
	}
	if t.Alone != nil {
		fmt.Fprintf(b, "; enforced, it would make this %s: %s", t.Alone.Action, t.Alone.Why)
	}
	b.WriteString("\n")
	for _, r := range t.Rules {
		r.write(b)
	}
}

func (t RuleTrace) write(b *strings.Builder) {
	mark := " "
	if t.Decides {
		mark = "*"
	}
	name := ""
	if t.Rule.Name != "" {
		name = fmt.Sprintf(" %q", t.Rule.Name)
	}
	fmt.Fprintf(b, "    %s %s[%d]%s %s: %s\n", mark, t.Rule.Direction, t.Rule.Index, name,
		t.Action, t.Why)
}

// ruleTraceWhy says what matched, or which half of the rule did not.
func ruleTraceWhy(r Rule, d Direction, f Flow, t RuleTrace) string {
	var parts []string
	if r.Closed != "" {
		parts = append(parts, "closed, "+r.Closed)
	}
	if !t.PeerMatches {
		parts = append(parts, fmt.Sprintf("peer: %s is not %s", f.other(d), peersText(r)))
	}
	if !t.PortMatches {
		parts = append(parts, fmt.Sprintf("port: %s is not %s", f.Service(), portsText(r)))
	}
	if t.PeerMatches && t.PortMatches {
		parts = append(parts, "matches")
		if t.Action == Accept && r.Log == LogAll {
			parts = append(parts, "asks for a record")
		}
	}
	return strings.Join(parts, "; ")
}

func peersText(r Rule) string {
	if len(r.Peers) == 0 {
		return "in an empty list"
	}
	keys := make([]string, len(r.Peers))
	for i, p := range r.Peers {
		keys[i] = p.Key()
	}
	return strings.Join(keys, " or ")
}

func portsText(r Rule) string {
	if len(r.Ports) == 0 {
		return "in an empty list"
	}
	keys := make([]string, len(r.Ports))
	for i, p := range r.Ports {
		keys[i] = p.Key()
	}
	return strings.Join(keys, " or ")
}
