// SPDX-License-Identifier: Apache-2.0

// Package ctl is bulkheadctl: what an administrator asks a node, and tells it. Commands that
// only tell read a view of the node once and work on that value, and ask the node's agent, if it
// has one, for what only that knows. Commands that change something have the agent do it, and take
// the node's lock where there is none or it is down. docs/bulkheadctl.md shows each command with
// its output.
package ctl
