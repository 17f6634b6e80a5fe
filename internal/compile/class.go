// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/policy"
)

// entry is one rule as a port class sees it: the ports are settled, the peers are not.
type entry struct {
	action policy.Action
	silent bool
	// recorded says that what the entry accepts leaves a record.
	recorded bool
	// any names every party, world every address that is no endpoint and not the node, host
	// the own node.
	any, world, host bool
	// blocks name addresses whoever owns them; worldBlocks only those of no endpoint.
	blocks      []policy.CIDR
	worldBlocks []netip.Prefix
	// members are endpoints, by index into the compiler's list.
	members []int
	// addresses are single endpoint addresses, of a named port behind a block.
	addresses []netip.Addr
	// selects says that the entry names endpoints by selector, even if none is there now.
	selects bool
	key     string
}

// class is a set of ports, of one group and direction, that are judged alike.
type class struct {
	admin, application, baseline []entry
	isolated                     bool
	rejectDefault                bool
	// trials are the class as it would be with one Audit policy in force, for each that changes
	// it. They have no trials of their own, and nothing follows their answers but a record.
	trials    []*class
	key, hash string
}

// outcome is what a class says about a peer.
type outcome uint8

// The outcomes. Every one but accepted has its own chain and reason, and those that refuse have a
// counter by that name. The audited ones accept: an Audit policy alone would refuse, and some such
// refusal is logged, or none is. The recorded ones accept by a rule that asks for a record.
const (
	accepted outcome = iota
	audited
	auditedSilently
	recorded
	recordedAudited
	recordedAuditedSilently
	deniedByRule
	deniedByDefault
	rejectedByRule
	rejectedByDefault
	deniedSilently
	rejectedSilently
	cutOff // by a quarantine
	outcomeCount
)

// reasonWords name the outcomes in chains, counters and log prefixes.
var reasonWords = [outcomeCount]string{
	"accept", "audit", "audit-silent", "allow", "allow-audit", "allow-audit-silent",
	"rule", "default", "reject-rule", "reject-default", "rule-silent", "reject-rule-silent",
	"quarantine",
}

func (o outcome) String() string { return reasonWords[o] }

func (o outcome) accepts() bool { return o <= recordedAuditedSilently }

func (o outcome) records() bool { return o >= recorded && o <= recordedAuditedSilently }

func (o outcome) audits() bool { return o.accepts() && o.audit() != accepted }

// audit is what an accepting outcome says of Audit policies: audited, auditedSilently, or accepted
// when none would refuse.
func (o outcome) audit() outcome {
	if o.records() {
		return o - recorded
	}
	return o
}

// with is an accepting outcome with another word of the Audit policies.
func (o outcome) with(audit outcome) outcome {
	if o.records() {
		return recorded + audit
	}
	return audit
}

func (o outcome) rejects() bool {
	return o == rejectedByRule || o == rejectedByDefault || o == rejectedSilently
}

func (o outcome) logs() bool {
	return o != deniedSilently && o != rejectedSilently && o != auditedSilently
}

// besides is the outcome when one more trial says what it would do. A refusal that is enforced
// stands; a trial can turn an acceptance into an audited one, and nothing else.
func (o outcome) besides(trial outcome) outcome {
	switch {
	case !o.accepts() || trial.accepts():
		return o
	case trial.logs():
		return o.with(audited)
	case !o.audits():
		return o.with(auditedSilently)
	}
	return o
}

// ofEntry is the outcome of a matching rule. Pass has none.
func ofEntry(e *entry) outcome {
	switch {
	case e.action == policy.Accept && e.recorded:
		return recorded
	case e.action == policy.Accept:
		return accepted
	case e.action == quarantineAction:
		return cutOff
	case e.action == policy.Reject && e.silent:
		return rejectedSilently
	case e.action == policy.Reject:
		return rejectedByRule
	case e.silent:
		return deniedSilently
	}
	return deniedByRule
}

// none says that no entry of a tier matches.
const none = int(^uint(0) >> 1)

// judge combines the first matching entry of each tier. This is the one place where tiers
// take precedence: at run time nothing is left to decide.
func (c *class) judge(admin, application, baseline int) outcome {
	if admin != none && c.admin[admin].action != policy.Pass {
		return ofEntry(&c.admin[admin])
	}
	if c.isolated {
		if application != none {
			return ofEntry(&c.application[application])
		}
		return c.defaultDeny()
	}
	if baseline != none && c.baseline[baseline].action != policy.Pass {
		return ofEntry(&c.baseline[baseline])
	}
	return accepted
}

func (c *class) defaultDeny() outcome {
	if c.rejectDefault {
		return rejectedByDefault
	}
	return deniedByDefault
}

// unmatched is the outcome for an endpoint that no selector and no block names.
func (c *class) unmatched() outcome {
	o := c.judge(firstAny(c.admin), firstAny(c.application), firstAny(c.baseline))
	for _, trial := range c.trials {
		o = o.besides(trial.unmatched())
	}
	return o
}

func firstAny(entries []entry) int {
	for i := range entries {
		if entries[i].any {
			return i
		}
	}
	return none
}

// tiers returns the three lists in the order of judgement.
func (c *class) tiers() [3][]entry {
	return [3][]entry{c.admin, c.application, c.baseline}
}

// outcomes lists what the class can say about some endpoint or other, now or after endpoints
// come and go: it depends on the rules alone.
func (c *class) outcomes() []outcome {
	var seen [outcomeCount]bool
	for _, tier := range c.tiers() {
		for i := range tier {
			if tier[i].action != policy.Pass {
				seen[ofEntry(&tier[i])] = true
			}
		}
	}
	seen[accepted] = seen[accepted] || !c.isolated
	if c.isolated {
		seen[c.defaultDeny()] = true
	}
	for _, trial := range c.trials {
		for _, o := range trial.outcomes() {
			for _, base := range []outcome{accepted, recorded} {
				if both := base.besides(o); seen[base] && both.audits() {
					seen[both] = true
				}
			}
		}
	}
	var out []outcome
	for o := range outcomeCount {
		if seen[o] {
			out = append(out, o)
		}
	}
	return out
}

// distinguishes reports whether the class can tell endpoints from other addresses or from
// each other: whether it needs exact sets at all.
func (c *class) distinguishes() bool {
	for _, tier := range c.tiers() {
		if slices.ContainsFunc(tier, func(e entry) bool {
			return e.selects || e.world || len(e.worldBlocks) > 0
		}) {
			return true
		}
	}
	return slices.ContainsFunc(c.trials, (*class).distinguishes)
}

// seal computes the canonical key from the entries. The application tier is a union: entries that
// record come first in it, so that the first match records if any match does.
func (c *class) seal() {
	slices.SortStableFunc(c.application, func(x, y entry) int {
		return cmp.Compare(ofEntry(&y), ofEntry(&x))
	})
	var b strings.Builder
	for i, tier := range c.tiers() {
		b.WriteString([]string{"admin\n", "application\n", "baseline\n"}[i])
		keys := make([]string, len(tier))
		for j := range tier {
			keys[j] = string(tier[j].action) + " " + tier[j].key
			if tier[j].silent {
				keys[j] += " silent"
			}
			if ofEntry(&tier[j]) == recorded {
				keys[j] += " recorded"
			}
		}
		if i == 1 {
			// The application tier is a union: order and repetition mean nothing.
			slices.Sort(keys)
			keys = slices.Compact(keys)
		}
		for _, k := range keys {
			b.WriteString(k)
			b.WriteByte('\n')
		}
	}
	if c.isolated {
		b.WriteString("isolated " + c.defaultDeny().String())
	}
	// Each trial is asked alone, so their order means nothing.
	for _, trial := range c.trials {
		b.WriteString("\nor, in Audit mode,\n" + trial.key)
	}
	c.key = b.String()
	c.hash = shortHash(c.key)
}
