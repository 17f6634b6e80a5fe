// SPDX-License-Identifier: Apache-2.0

// Package flow holds what Bulkhead tells about refused packets: the record, the key under which
// packets are folded into one record, the window in which they are, and the arithmetic of loss.
// Kernel counters are the truth and everything else is detail: whatever a counter counted and no
// record tells is lost, and the number of it is told too. The package performs no I/O and reads no
// clock; times are its callers'.
package flow
