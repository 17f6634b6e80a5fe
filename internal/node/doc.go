// SPDX-License-Identifier: Apache-2.0

// Package node makes the kernel of one node follow its policy directory and its registry of
// endpoints, for processes that come and go: the CNI plugin, bulkheadctl, bulkheadd base.
//
// One lock is held from reading the inputs until the kernel follows; it dies with its holder.
// The installed ruleset is kept on disk beside the one that a transaction is about to make
// true, and the kernel's own generation says which of the two it is. So a process that is
// killed at any point leaves a kernel that is wholly in the old state or wholly in the new
// one, and the next process knows which.
package node
