// SPDX-License-Identifier: Apache-2.0

package flow

import "time"

// Limits bound the memory of a Window, whatever packets come.
type Limits struct {
	// Keys is how many keys there are of a node. Beyond it, subjects that hold more than their
	// part (Keys by the number of subjects) get no new ones, and all others do: there are never
	// more than twice as many.
	Keys int
	// Share is how many keys one subject can have.
	Share int
	// Blocks is how many keys with a block of peers, or with folded ports, one subject can have
	// besides. What exceeds it is folded into one key for each direction, action and cause.
	Blocks int
	// Ports is how many ports of one peer a subject has keys for; more are a scan.
	Ports int
	// Flows is how many flows are remembered, to know which of their packets are told.
	Flows int
	// Linger is how long a key is remembered that has no packets: so long its next packet is no
	// news.
	Linger time.Duration
}

// DefaultLimits are those of a node with some hundred endpoints: a key takes about 1.5 KiB, one
// with a block or a scan 1 KiB more, and a flow 200 bytes. With all of it and 250 subjects that all
// fold, a Window stays below 100 MiB, since the agent that holds it shall do with 200; a quiet node
// needs next to nothing. One endpoint brings 64 new flows a second at the most, which the kernel
// keeps for ten minutes: the flows are enough for three that do so without an end.
func DefaultLimits() Limits {
	return Limits{Keys: 16_384, Share: 4096, Blocks: 32, Ports: 64, Flows: 131_072,
		Linger: time.Minute}
}

// Stats tell what a Window holds, and what it has folded or left out since it began.
type Stats struct {
	Keys, Flows, Subjects int
	// Scans and Blocks are packets of folded ports and of folded peers.
	Scans, Blocks uint64
	// Unremembered are packets that were not told, because there were too many flows.
	Unremembered uint64
	// Unattributed are packets of the per-flow sets that no policy explains.
	Unattributed uint64
	// Silent are packets of the per-flow sets whose rule wants no log.
	Silent uint64
	// Disagreed are sampled packets that policy does not explain.
	Disagreed uint64
}
