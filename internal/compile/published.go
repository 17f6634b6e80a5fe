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
			c.publishedChain(e, name, accepts)
			c.deniedClients(e, name, server, addr, p)
		}
		e.leads("published", name, "", ruleset.Addr(p.Host.Addr()), ruleset.Byte(p.Protocol),
			ruleset.Word(p.Host.Port()))
		return
	}
}

func (c *compiler) publishedChain(e *emitter, name, accepts string) {
	denied := "clients-" + name
	e.set(denied, ruleset.TypeIfname, e.family.address)
	e.chain(name, slices.Concat(c.cutOffClients(e, name), list(
		rule(original(), in(denied, ruleset.IIFName, ruleset.CTOrigSaddr), goTo("drop-published")),
		rule(reply(), in(denied, ruleset.OIFName, ruleset.CTOrigSaddr), goTo("drop-published")),
		rule(original(), in("bind", ruleset.IIFName, ruleset.CTOrigSaddr), goTo(accepts)),
		rule(reply(), in("bind", ruleset.OIFName, ruleset.CTOrigSaddr), goTo(accepts)),
		rule(goTo("drop-quarantine"))))...)
}

// deniedClients lists the endpoints whose own egress rules forbid the published endpoint. The
// peer and the port are fixed here, so the answer is known without a packet.
func (c *compiler) deniedClients(e *emitter, name string, server int, addr netip.Addr,
	p Published) {
	for i, client := range c.endpoints {
		if client.Local == nil {
			continue
		}
		g := c.judged[i][egress]
		if g == nil || e.says(c.classAt(g, p.Protocol, p.Port), addr) == accepted {
			continue
		}
		for _, a := range c.owned[i] {
			if e.family.has(a) {
				e.member("clients-"+name, ruleset.Ifname(client.Local.Interface()), ruleset.Addr(a))
			}
		}
	}
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
