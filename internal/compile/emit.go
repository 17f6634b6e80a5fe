// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// emitter writes group chains into one table.
type emitter struct {
	*table
	compiler *compiler
	family   family
	verdicts map[verdictsKey]verdicts
}

// verdictsKey says for whom a class was settled: endpoints and the world, or the own node.
type verdictsKey struct {
	class *class
	host  bool
}

// portProtocols have ports, and with them a map from port to class.
var portProtocols = []uint8{policy.ProtocolTCP, policy.ProtocolUDP, policy.ProtocolSCTP}

var protocolWords = map[uint8]string{
	policy.ProtocolTCP: "tcp", policy.ProtocolUDP: "udp", policy.ProtocolSCTP: "sctp",
	policy.ProtocolICMP: "icmp", policy.ProtocolICMPv6: "icmp",
}

// group writes the group's chain and all that it leads to.
func (e *emitter) group(g *group) {
	other := e.compiler.classFor(g, nil, nil, 0, 0)
	var rules []ruleset.Rule
	for _, protocol := range portProtocols {
		if r, ok := e.portMap(g, protocol, ruleset.CTReplyPort, other); ok {
			rules = append(rules, r)
		}
	}
	if r, ok := e.portMap(g, e.family.icmp, ruleset.CTOrigPort, other); ok {
		rules = append(rules, r)
	}
	for _, protocol := range e.plainProtocols(g) {
		hits := e.compiler.portsOf(g, protocol)
		active := map[int]bool{}
		for i, h := range hits {
			// A type of the other family's ICMP cannot occur here.
			if h.first == 0 && h.last == 65535 {
				active[i] = true
			}
		}
		class := e.compiler.classFor(g, hits, active, protocol, 0)
		if class != other {
			rules = append(rules, rule(is(ruleset.L4Proto, ruleset.Byte(protocol)),
				goTo(e.class(g, class))))
		}
	}
	rules = append(rules, rule(goTo(e.class(g, other))))
	rules[0].Comment = clip(g.title())
	e.chain(g.id, rules...)
}

// plainProtocols lists the protocols that rules name by number and that have no ports here.
func (e *emitter) plainProtocols(g *group) []uint8 {
	var out []uint8
	for _, r := range g.rules {
		for _, p := range r.ports {
			if !slices.Contains(portProtocols, p.Protocol) && p.Protocol != e.family.icmp {
				out = append(out, p.Protocol)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// portMap writes the map from ports to classes. The map is consulted under its own protocol
// only: the same number means another service in another protocol.
func (e *emitter) portMap(g *group, protocol uint8, port ruleset.Field,
	other *class) (ruleset.Rule, bool) {
	cells := e.compiler.cells(g, protocol, other)
	if len(cells) == 0 {
		return ruleset.Rule{}, false
	}
	if len(cells) == 1 && cells[0].first == 0 && cells[0].last == 65535 {
		return rule(is(ruleset.L4Proto, ruleset.Byte(protocol)),
			goTo(e.class(g, cells[0].class))), true
	}
	m := e.verdictMap(g.id+"-"+protocolWords[protocol], ruleset.TypeService)
	for _, c := range cells {
		el := ruleset.Element{Key: ruleset.Word(c.first), Verdict: goTo(e.class(g, c.class))}
		if c.first != c.last {
			el.Last = ruleset.Word(c.last)
			m.Interval = true
		}
		m.Elements = append(m.Elements, el)
	}
	return rule(is(ruleset.L4Proto, ruleset.Byte(protocol)), vmap(m.Name, port)), true
}

// class writes a port class of the group and returns the chain to go to: one exact set for
// each outcome first, then the blocks, then what is left.
func (e *emitter) class(g *group, c *class) string {
	v := e.settle(c, g.kind.host())
	var rules []ruleset.Rule
	if !g.kind.host() && c.distinguishes() {
		for _, o := range c.outcomes() {
			if o == v.fallback && len(v.blocks) == 0 {
				continue
			}
			rules = append(rules, rule(in(e.exactSet(c, o, v), g.kind.peer()),
				goTo(e.target(g, o))))
		}
	}
	for o := range outcomeCount {
		if name, ok := e.blockSet(c, o, v, g.kind.host()); ok {
			rules = append(rules, rule(in(name, g.kind.peer()), goTo(e.target(g, o))))
		}
	}
	if len(rules) == 0 {
		return e.target(g, v.fallback)
	}
	name := g.id + "-" + c.hash
	e.chain(name, append(rules, rule(goTo(e.target(g, v.fallback))))...)
	return name
}

func (e *emitter) settle(c *class, host bool) verdicts {
	key := verdictsKey{c, host}
	v, ok := e.verdicts[key]
	if !ok {
		if host {
			v = c.hostVerdicts(e.family.zero)
		} else {
			v = c.verdictsFor(e.family.zero, e.compiler.owned)
		}
		e.verdicts[key] = v
	}
	return v
}

// exactSet declares the set of endpoint addresses with that outcome.
func (e *emitter) exactSet(c *class, o outcome, v verdicts) string {
	name := "peers-" + o.String() + "-" + c.hash
	if e.sets[name] == nil {
		e.set(name, e.family.address)
		for _, a := range v.exact[o] {
			e.member(name, ruleset.Addr(a))
		}
	}
	return name
}

// blockSet declares the interval set of addresses with that outcome, if there are any.
func (e *emitter) blockSet(c *class, o outcome, v verdicts, host bool) (string, bool) {
	of := func(b block) bool { return b.outcome == o }
	if !slices.ContainsFunc(v.blocks, of) {
		return "", false
	}
	view := "world"
	if host {
		view = "host"
	}
	name := "blocks-" + o.String() + "-" + shortHash(c.key, view)
	if e.sets[name] != nil {
		return name, true
	}
	s := e.set(name, e.family.address)
	s.Interval = true
	for _, b := range v.blocks {
		if of(b) {
			s.Elements = append(s.Elements, interval(b.first, b.last))
		}
	}
	return name, true
}

func interval(first, last netip.Addr) ruleset.Element {
	el := ruleset.Element{Key: ruleset.Addr(first)}
	if first != last {
		el.Last = ruleset.Addr(last)
	}
	return el
}

// target is where an outcome leads: on to the next question, or to the group's own refusal.
func (e *emitter) target(g *group, o outcome) string {
	switch {
	case o == accepted:
		return g.kind.next()
	case o.accepts():
		return e.accepting(g, o)
	}
	return e.refusal(g, o)
}

// refusal writes the chain that counts, logs and drops, three rules apart: a limit or a full
// set in front of a verdict lets through what exceeds it. A rejecting refusal returns instead,
// to the base chain: that one may answer in forward and input and must drop in postrouting,
// where the kernel refuses any ruleset that could reach a reject.
func (e *emitter) refusal(g *group, o outcome) string {
	name := "deny-" + g.id + "-" + o.String()
	if e.has(name) {
		return name
	}
	counter := g.id + "-" + o.String()
	e.counters[counter] = true
	end := []ruleset.Statement{ruleset.CounterRef{Name: counter}, drop()}
	if o.rejects() {
		end = []ruleset.Statement{ruleset.CounterRef{Name: counter}, e.compiler.refused(), giveBack()}
	}
	rules := []ruleset.Rule{rule(jump("count-" + g.kind.direction().String()))}
	if o.logs() {
		rules = append(rules, sample("log-limit",
			e.compiler.log(g.hash(), g.kind.String(), o.String()), g.kind.judged()))
	}
	rules = append(rules, commented(g.title(), end...))
	e.chain(name, rules...)
	return name
}

// sample logs refused packets within the rate of whoever the key names. A key is something of
// ours, an endpoint's address or an interface, never what a stranger may choose: a set full of
// invented senders would take no more keys, and nobody's refusals would be seen.
func sample(set string, log ruleset.Statement, key ruleset.Field) ruleset.Rule {
	return rule(
		ruleset.Update{
			Set:    set,
			Fields: []ruleset.Field{key},
			Limit:  &ruleset.Rate{PerSecond: 10, Burst: 50},
		},
		log,
	)
}

// log has the prefix `bh1 <group> <kind> <reason>`.
func (c *compiler) log(group, kind, reason string) ruleset.Statement {
	return ruleset.Log{
		Prefix:  "bh1 " + group + " " + kind + " " + reason,
		Group:   c.config.LogGroup,
		Snaplen: 128,
	}
}

func protocolKeys(protocols ...uint8) []ruleset.Key {
	out := make([]ruleset.Key, len(protocols))
	for i, p := range protocols {
		out[i] = ruleset.Byte(p)
	}
	return out
}

func portKeys(ports ...uint16) []ruleset.Key {
	out := make([]ruleset.Key, len(ports))
	for i, p := range ports {
		out[i] = ruleset.Word(p)
	}
	return out
}

func number(n uint16) string { return strconv.Itoa(int(n)) }
