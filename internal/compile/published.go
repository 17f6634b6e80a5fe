// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"net/netip"
	"slices"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// published judges connections from an endpoint to a port of the node that a proxy process
// relays to another endpoint. The proxy would hide the client behind the node's own address,
// so they are judged here, before the proxy: the client's egress towards the published
// endpoint and that endpoint's ingress, as if the connection were direct.
func (c *compiler) published(e *emitter) {
	for i, server := range c.endpoints {
		if server.Local == nil {
			continue
		}
		for _, p := range server.Local.Published {
			if e.family.has(p.Host.Addr()) {
				c.publish(e, i, p)
			}
		}
	}
}

func (c *compiler) publish(e *emitter, server int, p Published) {
	accepts := "done"
	if g := c.judged[server][ingress]; g != nil {
		accepts = e.class(g, c.classAt(g, p.Protocol, p.Port))
	}
	for _, addr := range c.owned[server] {
		if !e.family.has(addr) {
			continue
		}
		text := protocolWords[p.Protocol] + "-" + number(p.Port)
		name := "published-" + shortHash(c.endpoints[server].ID, addr.String(), text)
		if !e.has(name) {
			c.publishedChain(e, name, accepts, c.clients(e, name, addr, p))
		}
		e.leads("published", name, "", ruleset.Addr(p.Host.Addr()), ruleset.Byte(p.Protocol),
			ruleset.Word(p.Host.Port()))
		return
	}
}

func (c *compiler) publishedChain(e *emitter, name, accepts string, records []ruleset.Rule) {
	denied := "clients-" + name
	e.chain(name, slices.Concat(
		c.cutOffClients(e, name),
		fromEither(denied, goTo("drop-published")),
		records,
		fromEither("bind", goTo(accepts)),
		list(rule(goTo("drop-quarantine"))),
	)...)
}

// fromEither matches the flows of clients in a set, by packets of both directions.
func fromEither(set string, then ruleset.Statement) []ruleset.Rule {
	return list(
		rule(original(), in(set, ruleset.IIFName, ruleset.CTOrigSaddr), then),
		rule(reply(), in(set, ruleset.OIFName, ruleset.CTOrigSaddr), then))
}

// clients lists the endpoints whose own egress rules forbid the published endpoint, and returns
// the rules that record those whose Audit policies would, and those of which a rule asks for a
// record. The peer and the port are fixed here, so the answer is known without a packet.
func (c *compiler) clients(e *emitter, name string, addr netip.Addr, p Published) []ruleset.Rule {
	e.set("clients-"+name, ruleset.TypeIfname, e.family.address)
	var records []ruleset.Rule
	for i, client := range c.endpoints {
		g := c.judged[i][egress]
		if client.Local == nil || g == nil {
			continue
		}
		o := e.says(c.classAt(g, p.Protocol, p.Port), addr)
		if o == accepted {
			continue
		}
		set := "clients-" + name
		if o.accepts() {
			set = "clients-" + o.String() + "-" + shortHash(name, g.id)
			if e.sets[set] == nil {
				e.set(set, ruleset.TypeIfname, e.family.address)
				records = append(records, fromEither(set, jump(e.acceptingNote(g, o)))...)
			}
		}
		for _, a := range c.owned[i] {
			if e.family.has(a) {
				e.member(set, ruleset.Ifname(client.Local.Interface()), ruleset.Addr(a))
			}
		}
	}
	return records
}

// classAt is the class of one port of the group.
func (c *compiler) classAt(g *group, protocol uint8, port uint16) *class {
	other := c.classFor(g, nil, nil, 0, 0)
	for _, x := range c.cells(g, protocol, other) {
		if x.first <= port && port <= x.last {
			return x.class
		}
	}
	return other
}

// says is the outcome of a class for an endpoint's address.
func (e *emitter) says(c *class, addr netip.Addr) outcome {
	v := e.settle(c, false)
	for o, addrs := range v.exact {
		if slices.Contains(addrs, addr) {
			return o
		}
	}
	for _, b := range v.blocks {
		if b.first.Compare(addr) <= 0 && addr.Compare(b.last) <= 0 {
			return b.outcome
		}
	}
	return v.fallback
}
