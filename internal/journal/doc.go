// SPDX-License-Identifier: Apache-2.0

// Package journal keeps records of refused packets in files of JSON lines, for people and for
// programs that read files. A directory holds files 000000000001.jsonl, 000000000002.jsonl and so
// on: the order of names is the order of writing. Old files go when there are too many bytes.
//
// Write never waits for the disk: a goroutine writes, a queue is between, and what does not fit
// into it, or finds no room on the disk, is counted as missed. Nothing is synced before a file is
// full: what a crash of the machine may take is what the kernel had not written back yet. A
// process that is killed leaves at most half a line, which readers name and pass over.
//
// Readers need no writer. One process at a time writes a directory; its lock is the caller's.
package journal
