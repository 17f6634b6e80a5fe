// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// attach writes the elements of one family that bring endpoints into force: what an endpoint's
// coming and going changes, apart from its membership in peer sets. It writes them in the order of
// their keys: a large set that is in order already costs finish next to nothing.
func (c *compiler) attach(t *table, f family) {
	for _, name := range c.config.Managed.Interfaces {
		t.member("interfaces", ruleset.Ifname(name))
	}
	c.subnets(t, f)
	doors := c.doors(f)
	c.makeRoom(t, doors)
	for _, i := range inOrder(doors, func(d *door) string { return string(d.at) }) {
		c.attachEndpoint(t, f, &doors[i])
	}
	for _, i := range inOrder(doors, func(d *door) string { return string(d.addr) }) {
		if d := &doors[i]; d.addr != "" {
			t.member("addresses", d.addr)
			t.member("self", d.addr, d.addr)
		}
	}
}

// makeRoom prepares the sets that most endpoints are in.
func (c *compiler) makeRoom(t *table, doors []door) {
	for _, name := range []string{"interfaces", "routed", "bind", "addresses", "self"} {
		t.room(name, len(doors))
	}
	for k := range kindCount {
		judged := 0
		for i := range doors {
			if c.judged[doors[i].endpoint][k] != nil {
				judged++
			}
		}
		t.room(k.String(), judged)
		t.room(k.open(), len(doors)-judged)
	}
}

// door is where the node meets an endpoint under one of its addresses, as keys. An endpoint
// without an address of the family has one door, whose address is empty.
type door struct {
	endpoint       int
	face, addr, at ruleset.Key // at is face and address
}

func (c *compiler) doors(f family) []door {
	doors := make([]door, 0, len(c.endpoints))
	for i, e := range c.endpoints {
		if e.Local == nil {
			continue
		}
		face, before := ruleset.Ifname(e.Local.Interface()), len(doors)
		for _, a := range c.owned[i] {
			if f.has(a) {
				addr := ruleset.Addr(a)
				doors = append(doors, door{i, face, addr, ruleset.Join(face, addr)})
			}
		}
		if len(doors) == before {
			doors = append(doors, door{endpoint: i, face: face, at: face})
		}
	}
	return doors
}

// inOrder are the indexes of the doors by a key: moving numbers costs less than moving doors.
func inOrder(doors []door, key func(*door) string) []int {
	order := make([]int, len(doors))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		return strings.Compare(key(&doors[i]), key(&doors[j]))
	})
	return order
}

func (c *compiler) attachEndpoint(t *table, f family, d *door) {
	l := c.endpoints[d.endpoint].Local
	t.member("interfaces", d.face)
	if l.Bridge == "" {
		t.member("routed", d.face)
	} else {
		t.member("ports", ruleset.Ifname(l.Port))
	}
	if f.v6() {
		t.member("neighbours", d.face, ruleset.Addr(linkLocal(l.MAC)))
	}
	if d.addr == "" {
		return
	}
	// A stale routed endpoint may stand on what is a bridge's port by now. IP at a port is forged.
	if l.Bridge != "" || !c.ports[l.Port] {
		t.member("bind", d.at)
	}
	if l.Isolated {
		t.member("isolated", d.at)
	}
	for k := range kindCount {
		if g := c.judged[d.endpoint][k]; g != nil {
			t.leads(k.String(), g.id, "", d.at)
		} else {
			t.member(k.open(), d.at)
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
