// SPDX-License-Identifier: Apache-2.0

// Package agent keeps the kernel of one node equal to its policies while everything around it
// changes: it is bulkheadd agent.
//
//	policy directory ─┐
//	nf_tables events ─┤
//	link events ──────┼─► loop: one goroutine owns the node.Node ─► kernel
//	clock ────────────┤        │
//	plugin, ctl ──────┘        └─► summary: status, metrics, readiness
//
// The agent holds the node's lock as long as it lives, so there is one at a time: a second one
// waits for the first to go and finds everything where it stood. Rules stay in the kernel whatever
// happens to the agent; what it cannot do makes it not ready, and opens nothing.
package agent
