// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/bulkhead-net/bulkhead/policy"
)

// block is a range of addresses of no endpoint, both ends included, with one outcome.
type block struct {
	first, last netip.Addr
	outcome     outcome
}

// verdicts is everything a class says in one address family.
type verdicts struct {
	// fallback is the outcome of every address that is in no set and no block.
	fallback outcome
	// blocks are disjoint, sorted, and differ from fallback.
	blocks []block
	// exact are the endpoint addresses whose outcome differs from what blocks and fallback
	// give that address.
	exact map[outcome][]netip.Addr
}

// party is who is asked about: endpoints and the world by address, or the own node.
type view uint8

const (
	ofEndpoints view = iota // entries that name an address whoever owns it
	ofWorld                 // those, and entries that name what is no endpoint
	ofHost                  // the own node
)

// lookup is a class's three tiers as piece lists for one view and family, with those of its
// trials.
type lookup struct {
	class *class
	tiers [3][]piece
	// selected are the first entries that name an endpoint by selector, single those that name
	// one address; both are of ofEndpoints alone.
	selected map[int][3]int
	single   map[netip.Addr][3]int
	trials   []lookup
}

func (c *class) lookup(v view, zero netip.Addr) lookup {
	l := lookup{class: c}
	if v == ofEndpoints {
		l.selected, l.single = c.selected(), c.selectedAddresses()
	}
	for _, trial := range c.trials {
		l.trials = append(l.trials, trial.lookup(v, zero))
	}
	for t, tier := range c.tiers() {
		var spans []span
		for i := range tier {
			spans = tier[i].appendSpans(spans, i, v, zero)
		}
		l.tiers[t] = pieces(zero, spans)
	}
	return l
}

// appendSpans adds the addresses that the entry names, seen as v.
func (e *entry) appendSpans(spans []span, index int, v view, zero netip.Addr) []span {
	if e.any || v == ofWorld && e.world || v == ofHost && e.host {
		return append(spans, span{first: zero, last: lastOf(netip.PrefixFrom(zero, 0)), index: index})
	}
	for _, b := range e.blocks {
		if b.Prefix.Addr().Is4() == zero.Is4() {
			spans = appendBlock(spans, b, index)
		}
	}
	if v == ofWorld {
		for _, p := range e.worldBlocks {
			if p.Addr().Is4() == zero.Is4() {
				spans = append(spans, span{p.Masked().Addr(), lastOf(p), index})
			}
		}
	}
	return spans
}

// appendBlock adds a block without its exceptions.
func appendBlock(spans []span, b policy.CIDR, index int) []span {
	except := slices.Clone(b.Except)
	slices.SortFunc(except, func(x, y netip.Prefix) int {
		return x.Masked().Addr().Compare(y.Masked().Addr())
	})
	at, last := b.Prefix.Masked().Addr(), lastOf(b.Prefix)
	for _, x := range except {
		if !b.Prefix.Contains(x.Addr()) || lastOf(x).Less(at) {
			continue
		}
		if first := x.Masked().Addr(); at.Less(first) {
			spans = append(spans, span{at, first.Prev(), index})
		}
		if at = lastOf(x).Next(); !at.IsValid() {
			return spans
		}
	}
	if last.Less(at) {
		return spans
	}
	return append(spans, span{at, last, index})
}

// at is the outcome for address a of an endpoint, by index, or of nobody.
func (l lookup) at(a netip.Addr, endpoint int) outcome {
	first, ok := l.selected[endpoint]
	if !ok {
		first = [3]int{none, none, none}
	}
	single, named := l.single[a]
	for t := range l.tiers {
		first[t] = min(first[t], indexAt(l.tiers[t], a))
		if named {
			first[t] = min(first[t], single[t])
		}
	}
	o := l.class.judge(first[0], first[1], first[2])
	for _, trial := range l.trials {
		if !o.accepts() {
			break
		}
		o = o.besides(trial.at(a, endpoint))
	}
	return o
}

// nobody is the index of no endpoint.
const nobody = -1

// starts are the addresses at which a piece begins.
func (l lookup) starts() []netip.Addr {
	var starts []netip.Addr
	for _, t := range l.tiers {
		for _, p := range t {
			starts = append(starts, p.first)
		}
	}
	for _, trial := range l.trials {
		starts = append(starts, trial.starts()...)
	}
	return starts
}

// segments merges the piece lists into ranges with one outcome each.
func (l lookup) segments() []block {
	starts := l.starts()
	slices.SortFunc(starts, netip.Addr.Compare)
	starts = slices.Compact(starts)
	var out []block
	for _, a := range starts {
		o := l.at(a, nobody)
		if n := len(out); n > 0 {
			if out[n-1].outcome == o {
				continue
			}
			out[n-1].last = a.Prev()
		}
		out = append(out, block{first: a, outcome: o})
	}
	out[len(out)-1].last = lastOf(netip.PrefixFrom(out[0].first, 0))
	return out
}

// selected finds, for the endpoints that some entry names by selector, the first entry of each
// tier that does.
func (c *class) selected() map[int][3]int {
	out := map[int][3]int{}
	for t, tier := range c.tiers() {
		for i := range tier {
			for _, m := range tier[i].members {
				first, ok := out[m]
				if !ok {
					first = [3]int{none, none, none}
				}
				first[t] = min(first[t], i)
				out[m] = first
			}
		}
	}
	return out
}

// selectedAddresses is the same for entries that name single addresses.
func (c *class) selectedAddresses() map[netip.Addr][3]int {
	out := map[netip.Addr][3]int{}
	for t, tier := range c.tiers() {
		for i := range tier {
			for _, a := range tier[i].addresses {
				first, ok := out[a]
				if !ok {
					first = [3]int{none, none, none}
				}
				first[t] = min(first[t], i)
				out[a] = first
			}
		}
	}
	return out
}

// named are the endpoints that some entry names by selector, of a trial's too.
func (l lookup) named() []int {
	all := slices.Collect(maps.Keys(l.selected))
	for _, trial := range l.trials {
		all = slices.AppendSeq(all, maps.Keys(trial.selected))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// verdictsFor settles the class for one family. owned are the endpoints' addresses, by index.
func (c *class) verdictsFor(zero netip.Addr, owned [][]netip.Addr) verdicts {
	world := c.lookup(ofWorld, zero)
	v := withFallback(world.segments(), c.unmatched())
	if !c.distinguishes() {
		return v
	}
	v.exact = map[outcome][]netip.Addr{}
	addresses := c.lookup(ofEndpoints, zero)
	settle := func(i int) {
		for _, a := range owned[i] {
			if a.Is4() != zero.Is4() {
				continue
			}
			if o := addresses.at(a, i); o != world.at(a, nobody) {
				v.exact[o] = append(v.exact[o], a)
			}
		}
	}
	if addresses.flat() && world.flat() &&
		addresses.at(zero, nobody) == world.at(zero, nobody) {
		// Nobody differs from the world but those that an entry names: most classes name few.
		for _, i := range addresses.named() {
			settle(i)
		}
		return v
	}
	for i := range owned {
		settle(i)
	}
	return v
}

// flat tells whether all addresses are alike in every tier.
func (l lookup) flat() bool {
	return len(l.single) == 0 &&
		len(l.tiers[0]) == 1 && len(l.tiers[1]) == 1 && len(l.tiers[2]) == 1 &&
		!slices.ContainsFunc(l.trials, func(trial lookup) bool { return !trial.flat() })
}

// hostVerdicts settles the class for the own node as the peer.
func (c *class) hostVerdicts(zero netip.Addr) verdicts {
	return withFallback(c.lookup(ofHost, zero).segments(), c.unmatched())
}

// withFallback drops the ranges that the fallback already covers. When one outcome holds for
// all addresses, it is the fallback and no range is left.
func withFallback(segments []block, fallback outcome) verdicts {
	if len(segments) == 1 {
		return verdicts{fallback: segments[0].outcome}
	}
	return verdicts{
		fallback: fallback,
		blocks: slices.DeleteFunc(segments, func(b block) bool {
			return b.outcome == fallback
		}),
	}
}
