// SPDX-License-Identifier: Apache-2.0

// Package denials keeps account of what a node refuses, as a part of its agent.
//
//	NFLOG samples ──► decode ──► attribute ──► window ──┬─► journal  (JSON lines, for people)
//	per-flow sets ──────────────────────────►  window ──┤
//	counters ────────────────────────────────► ledger ──┴─► spool    (for whoever collects)
//
// A reader takes what the kernel's log hands over; the first packet of a key is a record at once.
// Every ten seconds a round reads the per-flow sets, which are exact, and then the counters, which
// are the truth: what they have counted and no record tells is lost, and is told as a record of
// its own. The state is saved after each round, so that an agent that dies tells nothing twice.
//
// Nothing here decides about packets. A part that fails says so in Status and is tried again; the
// agent's loop waits for none of it.
package denials
