// SPDX-License-Identifier: Apache-2.0

// Package nflog reads what the rules' "log group" statements hand over: the beginning of a packet
// with what the kernel knows of it. It is detail and a sample; what was refused is counted by the
// rules themselves.
//
//	r, err := nflog.Open(nflog.Options{NetNS: fd, Group: 4711})
//	for {
//		batch, err := r.Read(ctx)
//		// ... batch.Messages are valid until the next Read
//	}
//
// The kernel collects up to 64 messages, for at most 20 ms, and sends them in one datagram; a Read
// returns one datagram. If datagrams come faster than they are read, they wait in the socket's
// buffer; what does not fit is lost, and Batch tells how many. That number comes from the
// messages' own sequence numbers, so it is told with the first message after the gap. One loss has
// no trace: the kernel has no memory for a message. So who needs exact numbers compares with
// counters.
//
// A group has one reader in a network namespace, whatever the families of the tables that log to
// it: their log statements name the group, and the group is bound for all families at once. The
// binding per family that older programs make is not needed since Linux 3.17, and would do harm:
// it makes NFLOG the logger of what names no group, such as conntrack's own log.
package nflog
