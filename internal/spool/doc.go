// SPDX-License-Identifier: Apache-2.0

// Package spool keeps records on disk until somebody who drains them has said that he has them.
// Records are opaque bytes, numbered from 1 on without holes; a number that cannot be read any
// more is told as a gap before the next that can, never left out silently. The directory is
// bounded: when it is full the oldest records go, and are counted.
//
// A record is on disk, past the kernel's cache, when Append returns: each file that an Append adds
// to is synced once, and Next gives nothing out that a crash of the machine could take back. After
// a kill at any point the next Open finds every record of every Append that returned. Removals are
// not synced: what was removed may come back after a crash of the machine, and is delivered twice.
//
// One process at a time uses a directory; its lock is the caller's.
package spool
