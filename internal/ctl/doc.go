// SPDX-License-Identifier: Apache-2.0

// Package ctl is bulkheadctl: what an administrator asks a node, and tells it. Commands that
// only tell read a view of the node once and work on that value; apply, quarantine, release and
// uninstall alone take the node's lock. docs/bulkheadctl.md shows each command with its output.
package ctl
