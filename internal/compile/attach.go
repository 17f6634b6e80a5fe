// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"net/netip"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// attach writes the elements of one family that bring endpoints into force: what an endpoint's
// coming and going changes, apart from its membership in peer sets.
func (c *compiler) attach(t *table, f family) {
	for _, name := range c.config.Managed.Interfaces {
		t.member("interfaces", ruleset.Ifname(name))
	}
	c.subnets(t, f)
	for i, e := range c.endpoints {
		if e.Local == nil {
			continue
		}
		face := ruleset.Ifname(e.Local.Interface())
		t.member("interfaces", face)
		if e.Local.Bridge == "" {
			t.member("routed", face)
		} else {
			t.member("ports", ruleset.Ifname(e.Local.Port))
		}
		if f.v6() {
			t.member("neighbours", face, ruleset.Addr(linkLocal(e.Local.MAC)))
		}
		for _, a := range c.owned[i] {
			if f.has(a) {
				c.attachAddress(t, i, face, ruleset.Addr(a))
			}
		}
	}
}

func (c *compiler) attachAddress(t *table, i int, face, addr ruleset.Key) {
	t.member("addresses", addr)
	// A stale routed endpoint may stand on what is a bridge's port by now. IP at a port is forged.
	if l := c.endpoints[i].Local; l.Bridge != "" || !c.ports[l.Port] {
		t.member("bind", face, addr)
	}
	t.member("self", addr, addr)
	if c.endpoints[i].Local.Isolated {
		t.member("isolated", face, addr)
	}
	for k := range kindCount {
		if g := c.judged[i][k]; g != nil {
			t.leads(k.String(), g.id, "", face, addr)
		} else {
			t.member(k.open(), face, addr)
		}
	}
}

// subnets writes the managed address blocks as disjoint ranges: the kernel refuses overlaps.
func (c *compiler) subnets(t *table, f family) {
	var spans []span
	for _, p := range c.config.Managed.Subnets {
		if f.has(p.Addr()) {
			spans = append(spans, span{first: p.Masked().Addr(), last: lastOf(p)})
		}
	}
	list := pieces(f.zero, spans)
	for i, p := range list {
		if p.index == none {
			continue
		}
		last := lastOf(netip.PrefixFrom(f.zero, 0))
		if i+1 < len(list) {
			last = list[i+1].first.Prev()
		}
		t.sets["subnets"].Elements = append(t.sets["subnets"].Elements, interval(p.first, last))
	}
}

// linkLocal is the address that Linux makes from a MAC (RFC 4291 appendix A): the only one of
// its kind that the guard lets an endpoint use.
func linkLocal(mac [6]byte) netip.Addr {
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 0, 0, 0, 0, 0, 0,
		mac[0] ^ 0x02, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]})
}
