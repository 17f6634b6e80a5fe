// SPDX-License-Identifier: Apache-2.0

// Package flow holds what Bulkhead tells about refused packets: the record, the key under which
// packets are folded into one record, the window in which they are, and the arithmetic of loss.
// Kernel counters are the truth and everything else is detail: whatever a counter counted and no
// record tells is lost, and the number of it is told too. The package performs no I/O and reads no
// clock; times are its callers'.
//
//	packet of the log    elements of the per-flow sets      counters
//	       │ Event               │ Elements: Delta              │
//	       ▼                     │                              │
//	History.Attribute            │ History.AttributeFlow        │
//	       │ Attributed          ▼                              │
//	       └────► Window.Add   Window.Totals                    │
//	                │ at once    │ Close, every 10 seconds      │
//	                ▼            ▼                              ▼
//	              Record ──────► Ledger.Record             Ledger.Observe ──► lost
//
// A History knows by what and about whom packets were judged at a time: one Snapshot for each
// generation of the kernel's rules.
package flow
