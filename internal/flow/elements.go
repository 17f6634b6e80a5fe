// SPDX-License-Identifier: Apache-2.0

package flow

// Element is what an element of the per-flow sets has counted since it was made.
type Element struct {
	Flow    FlowKey `json:"flow"`
	Packets uint64  `json:"packets"`
	Bytes   uint64  `json:"bytes"`
}

// Elements remembers what the per-flow sets held when they were read last. It takes some 200 bytes
// for each element, of which the kernel keeps 65,536 in each of eight sets at the most. It is not
// safe for concurrent use.
type Elements struct {
	last  map[FlowKey]lastElement
	round uint64
}

type lastElement struct {
	count
	round uint64
}

// NewElements begins with what State has returned, or with nothing. After the host has started
// anew there is nothing to begin with: the sets were empty then.
func NewElements(state []Element) *Elements {
	x := &Elements{last: make(map[FlowKey]lastElement, len(state))}
	for _, e := range state {
		x.last[e.Flow] = lastElement{count: count{e.Packets, e.Bytes}}
	}
	return x
}

// Observe takes all elements of all sets, and returns what they have counted since the last time.
// An element that counts less than it did was away in between, and began anew. One that came back
// with more than it had cannot be told from one that stayed: then too little is told, never too
// much.
func (x *Elements) Observe(elements []Element) []Delta {
	x.round++
	var out []Delta
	for _, e := range elements {
		now, was := count{e.Packets, e.Bytes}, x.last[e.Flow].count
		grown := count{now.packets - was.packets, now.bytes - was.bytes}
		if now.packets < was.packets || now.bytes < was.bytes {
			grown = now
		}
		x.last[e.Flow] = lastElement{now, x.round}
		if grown.packets > 0 {
			out = append(out, Delta{Flow: e.Flow, Packets: grown.packets, Bytes: grown.bytes})
		}
	}
	for k, e := range x.last {
		if e.round != x.round {
			delete(x.last, k)
			out = append(out, Delta{Flow: k, Gone: true})
		}
	}
	return out
}

// State is what NewElements begins with after the agent has started again.
func (x *Elements) State() []Element {
	out := make([]Element, 0, len(x.last))
	for k, e := range x.last {
		out = append(out, Element{Flow: k, Packets: e.packets, Bytes: e.bytes})
	}
	return out
}
