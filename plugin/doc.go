// SPDX-License-Identifier: Apache-2.0

// Package plugin answers the verbs of the Container Network Interface for a plugin that is last
// in a chain: it gives every attachment its identity, hands it to the node, which puts its
// rules into the kernel, and passes the result of the chain through unchanged.
//
//	runtime ── env, conf ──► Run ──► readEnvironment ──► readConf ──► ADD, CHECK, DEL, GC, STATUS
//	                                                                    │
//	                                   Links (who is CNI_IFNAME) ◄──────┤
//	              agent of the node, or Node (make the kernel follow) ◄─┘
//
// Who a container is comes from the runtime and the conf alone, and where it is from the
// result of the chain; the container's own namespace can contradict that, which is an error,
// and never add to it. The numbers of CNI errors are known here and nowhere else.
package plugin
