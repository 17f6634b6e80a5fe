// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/nft"
)

// flows remembers what the per-flow sets held. A dump of a set that grows meanwhile can lack
// elements that are there, so one that is missing stays as it was until it must have expired.
type flows struct {
	elements *flow.Elements
	kept     map[flow.FlowKey]kept
}

// kept is an element, and until when the kernel keeps it at least.
type kept struct {
	packets, bytes uint64
	until          time.Time
}

func newFlows(state []flow.Element, until map[flow.FlowKey]time.Time) *flows {
	f := &flows{elements: flow.NewElements(state), kept: make(map[flow.FlowKey]kept, len(state))}
	for _, e := range state {
		f.kept[e.Flow] = kept{e.Packets, e.Bytes, until[e.Flow]}
	}
	return f
}

// observe returns what has been counted since the last time.
func (f *flows) observe(now time.Time, counts []nft.FlowCount) []flow.Delta {
	all := make([]flow.Element, 0, len(f.kept)+len(counts))
	found := make(map[flow.FlowKey]bool, len(counts))
	for i := range counts {
		c := &counts[i]
		k := flow.FlowKey{Direction: c.Direction, Client: c.Client, Server: c.Server,
			Proto: c.Proto, Port: c.Port}
		found[k] = true
		f.kept[k] = kept{c.Packets, c.Bytes, now.Add(c.Expires)}
		all = append(all, flow.Element{Flow: k, Packets: c.Packets, Bytes: c.Bytes})
	}
	for k, e := range f.kept {
		switch {
		case found[k]:
		case now.Before(e.until):
			all = append(all, flow.Element{Flow: k, Packets: e.packets, Bytes: e.bytes})
		default:
			delete(f.kept, k)
		}
	}
	return f.elements.Observe(all)
}

// without is what is left when the sets of some families were made anew.
func (f *flows) without(anew func(family string) bool) *flows {
	var state []flow.Element
	until := map[flow.FlowKey]time.Time{}
	for k, e := range f.kept {
		if !anew(familyOf(k)) {
			state = append(state, flow.Element{Flow: k, Packets: e.packets, Bytes: e.bytes})
			until[k] = e.until
		}
	}
	return newFlows(state, until)
}

func familyOf(k flow.FlowKey) string {
	if k.Client.Is4() {
		return "ip"
	}
	return "ip6"
}
