// SPDX-License-Identifier: Apache-2.0

// Package agentapi is how the CNI plugin and bulkheadctl talk to the agent of their node: one
// request and one reply over a unix stream socket.
//
//	requester ── length, JSON request ──► Server ── Request ──► Handler
//	requester ◄── length, JSON reply ──── Server ◄── result, error ──┘
//
// A frame is its length, four bytes with the most significant first, and a JSON text of that
// length. A connection carries one request and one reply; a requester that closes it earlier
// wants nothing any more, and the context of its request ends.
//
// The package decides nothing: what a request means is the Handler's business. It is part of
// every start of the plugin, so it imports little.
package agentapi
