// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"slices"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// ipTable writes the table of one IP family: the static program, the endpoints' elements and
// the group chains.
func (c *compiler) ipTable(f family) ruleset.Table {
	t := newTable(f.family)
	c.declareSets(t, f)
	c.guard(t, f)
	c.hooks(t, f)
	c.judgement(t, f)
	c.icmpErrors(t, f)
	c.countChains(t, f)
	c.staticDrops(t, f)
	e := &emitter{table: t, compiler: c, family: f, verdicts: map[verdictsKey]verdicts{}}
	for _, g := range c.sortedGroups() {
		e.group(g)
	}
	c.attach(t, f)
	c.published(e)
	return t.finish()
}

// declareSets names every set of the static program. Sets that change with endpoints hold
// exact elements only: their updates cost the same at any size.
func (c *compiler) declareSets(t *table, f family) {
	const name = ruleset.TypeIfname
	t.set(liveSet, ruleset.TypeMark)
	if f.family == ruleset.IP {
		t.set("generation", ruleset.TypeMark)
	}
	t.set("interfaces", name)
	t.set("routed", name)
	t.set("ports", name)
	t.set("addresses", f.address)
	t.set("bind", name, f.address)
	t.set("self", f.address, f.address)
	t.set("isolated", name, f.address)
	t.set("subnets", f.address).Interval = true
	if f.v6() {
		t.set("neighbours", name, f.address)
	}
	for k := range kindCount {
		t.verdictMap(k.String(), name, f.address)
		t.set(k.open(), name, f.address)
	}
	t.verdictMap("published", f.address, ruleset.TypeProto, ruleset.TypeService)
	dynamic := func(s *ruleset.Set) {
		s.Dynamic = &ruleset.Dynamic{Size: 65536, Timeout: 10 * time.Minute, Counter: true}
	}
	for _, d := range []string{"egress", "ingress"} {
		dynamic(t.set("denied-"+d, f.address, f.address, ruleset.TypeProto,
			ruleset.TypeService))
		dynamic(t.set("denied-"+d+"-other", f.address, f.address, ruleset.TypeProto))
	}
	t.limitSet("insert-limit", f.address)
	t.limitSet("log-limit", f.address)
	t.limitSet("log-limit-interface", name)
}

// limitSet declares a set that holds a rate for each key.
func (t *table) limitSet(name string, key ruleset.Type) {
	t.set(name, key).Dynamic = &ruleset.Dynamic{Size: 65536, Timeout: time.Minute}
}

// managed repeats a rule for everything that says "this interface is managed": the set of
// names, and the wildcards that no set can hold.
func (c *compiler) managed(name, kind ruleset.Field, then ruleset.Statement) []ruleset.Rule {
	rules := []ruleset.Rule{rule(in("interfaces", name), then)}
	for _, p := range c.config.Managed.Prefixes {
		rules = append(rules, rule(ruleset.NamePrefix{Field: name, Prefix: p}, then))
	}
	for _, k := range c.config.Managed.Kinds {
		rules = append(rules, rule(is(kind, ruleset.Ifname(k)), then))
	}
	return rules
}

func (c *compiler) managedIn(then ruleset.Statement) []ruleset.Rule {
	return c.managed(ruleset.IIFName, ruleset.IIFKind, then)
}

func (c *compiler) managedOut(then ruleset.Statement) []ruleset.Rule {
	return c.managed(ruleset.OIFName, ruleset.OIFKind, then)
}

// live matches a flow whose epoch is in force.
func (c *compiler) live() ruleset.Statement {
	return ruleset.Lookup{Fields: []ruleset.Field{ruleset.CTMark}, Set: liveSet,
		Mask: c.config.EpochMask}
}

// fast is the way of a flow that was judged already. Its packets are established: the kernel
// gives a new flow that a helper expected (the data connection of FTP) the mark of the control
// connection, and a foreign rule may mark a first packet; such a flow is judged like any other,
// and when it is refused conntrack forgets it together with its mark.
func (c *compiler) fast(then ...ruleset.Statement) ruleset.Rule {
	return rule(slices.Concat(
		[]ruleset.Statement{state(ruleset.StateEstablished), c.live()}, then)...)
}

// unanswered is the way of a flow that was judged already and that nobody has answered, as a
// datagram service that only listens never does: conntrack goes on calling its packets new. That
// the entry is confirmed says that its first packet went through all our hooks, whoever wrote the
// mark then.
func (c *compiler) unanswered(then ...ruleset.Statement) ruleset.Rule {
	return rule(slices.Concat([]ruleset.Statement{c.live(), state(ruleset.StateNew),
		ruleset.Confirmed{}}, then)...)
}

// list makes a list of rules, to be joined with others.
func list(rules ...ruleset.Rule) []ruleset.Rule { return rules }
