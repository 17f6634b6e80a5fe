// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"slices"

	"github.com/bulkhead-net/bulkhead/policy"
)

// cell is a range of ports of one protocol, both ends included, that one class judges. ICMP
// has cells too: its "port" is type << 8 | code, as conntrack has it.
type cell struct {
	first, last uint16
	class       *class
}

// hit says that a rule matches some ports of a protocol; with named set, only for the
// endpoints that call the port by that name.
type hit struct {
	first, last uint16
	rule        int
	named       *policy.Port
}

// portsOf lists the hits of the group's rules for one protocol.
func (c *compiler) portsOf(g *group, protocol uint8) []hit {
	var out []hit
	for i, r := range g.rules {
		for _, p := range r.ports {
			if p.Protocol == protocol {
				first, last := portRange(p)
				out = append(out, hit{first: first, last: last, rule: i})
			}
		}
		for j := range r.named {
			for _, number := range c.numbersOf(r, r.named[j], protocol) {
				out = append(out, hit{first: number, last: number, rule: i, named: &r.named[j]})
			}
		}
	}
	return out
}

// portRange is the range of a numeric port, in ICMP's case of type and code.
func portRange(p policy.Port) (first, last uint16) {
	switch {
	case slices.Contains(portProtocols, p.Protocol):
		return p.First, p.Last
	case p.ICMPType == nil:
		return 0, 65535
	}
	first = uint16(*p.ICMPType) << 8
	if p.ICMPCode == nil {
		return first, first | 0xff
	}
	first |= uint16(*p.ICMPCode)
	return first, first
}

// numbersOf are the ports that the rule's peers call by the name, each once.
func (c *compiler) numbersOf(r resolved, named policy.Port, protocol uint8) []uint16 {
	var out []uint16
	e := c.entryFor(r, nil, 0, 0)
	note := func(ep *policy.Endpoint) bool {
		for _, n := range numbers(named, ep) {
			if n.Protocol == protocol {
				out = append(out, n.First)
			}
		}
		return false
	}
	e.narrow(c.endpoints, note)
	slices.Sort(out)
	return slices.Compact(out)
}

// cellKey names the ports of a protocol in a group. They are the same in both address families.
type cellKey struct {
	group    *group
	protocol uint8
}

// cells cuts a protocol's ports into ranges that are judged alike and that differ from other,
// the class of protocols that no rule mentions.
func (c *compiler) cells(g *group, protocol uint8, other *class) []cell {
	key := cellKey{g, protocol}
	found, ok := c.cellCache[key]
	if !ok {
		found = c.cut(g, protocol, other)
		c.cellCache[key] = found
	}
	return found
}

func (c *compiler) cut(g *group, protocol uint8, other *class) []cell {
	hits := c.portsOf(g, protocol)
	if len(hits) == 0 {
		return nil
	}
	starts := []int{0}
	begin, end := map[int][]int{}, map[int][]int{}
	for i, h := range hits {
		starts = append(starts, int(h.first), int(h.last)+1)
		begin[int(h.first)] = append(begin[int(h.first)], i)
		end[int(h.last)+1] = append(end[int(h.last)+1], i)
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)

	active := map[int]bool{}
	var out []cell
	for n, at := range starts {
		if at > 65535 {
			break
		}
		for _, i := range end[at] {
			delete(active, i)
		}
		for _, i := range begin[at] {
			active[i] = true
		}
		last := 65535
		if n+1 < len(starts) {
			last = starts[n+1] - 1
		}
		out = appendCell(out, cell{
			first: uint16(at),
			last:  uint16(last),
			class: c.classFor(g, hits, active, protocol, uint16(at)),
		})
	}
	return slices.DeleteFunc(out, func(x cell) bool { return x.class == other })
}

func appendCell(list []cell, next cell) []cell {
	if n := len(list); n > 0 && list[n-1].class == next.class {
		list[n-1].last = next.last
		return list
	}
	return append(list, next)
}

// classFor is the class of the port for which the active hits match. Equal classes are one
// value, so that they share their sets across groups.
func (c *compiler) classFor(g *group, hits []hit, active map[int]bool, protocol uint8,
	port uint16) *class {
	byRule := map[int][]*policy.Port{}
	concerned := slices.Clone(g.anyPort)
	for i := range active {
		h := hits[i]
		if byRule[h.rule] == nil {
			concerned = append(concerned, h.rule)
		}
		byRule[h.rule] = append(byRule[h.rule], h.named)
	}
	slices.Sort(concerned)
	k := g.newClass(enforced)
	trials := make([]*class, len(g.trials))
	for i := range trials {
		trials[i] = g.newClass(i + 1)
	}
	for _, i := range slices.Compact(concerned) {
		r, names := g.rules[i], byRule[i]
		if r.anyPort || slices.Contains(names, nil) {
			k.place(trials, r, c.entryFor(r, nil, 0, 0))
			continue
		}
		slices.SortFunc(names, func(a, b *policy.Port) int {
			return compareText(a.Key(), b.Key())
		})
		for _, named := range names {
			k.place(trials, r, c.entryFor(r, named, protocol, port))
		}
	}
	return c.shared(k, trials)
}

// newClass is a class of the group without entries, for what is enforced or for a trial.
func (g *group) newClass(trial int) *class {
	return &class{isolated: g.isolates(trial), rejectDefault: g.isolated && g.rejectDefault}
}

// place adds an entry where its rule counts: what is enforced counts in every trial too.
func (c *class) place(trials []*class, r resolved, e entry) {
	if r.trial != enforced {
		trials[r.trial-1].append(r.tier, e)
		return
	}
	c.append(r.tier, e)
	for _, trial := range trials {
		trial.append(r.tier, e)
	}
}

func (c *class) append(tier int, e entry) {
	switch tier {
	case 0:
		c.admin = append(c.admin, e)
	case 1:
		c.application = append(c.application, e)
	default:
		c.baseline = append(c.baseline, e)
	}
}

// shared completes a class and returns the one value for all that are equal.
func (c *compiler) shared(k *class, trials []*class) *class {
	k.seal()
	for _, trial := range trials {
		k.try(trial)
	}
	if len(k.trials) > 0 {
		k.seal()
	}
	if same := c.classes[k.key]; same != nil {
		return same
	}
	c.classes[k.key] = k
	return k
}

// try adds a trial to a class, unless it says the same as the class itself or another trial.
func (c *class) try(trial *class) {
	trial.seal()
	at, found := slices.BinarySearchFunc(c.trials, trial.key, func(t *class, key string) int {
		return compareText(t.key, key)
	})
	if !found && trial.key != c.key {
		c.trials = slices.Insert(c.trials, at, trial)
	}
}
