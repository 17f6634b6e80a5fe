// SPDX-License-Identifier: Apache-2.0

// Package link answers what the kernel's network links look like from one network namespace,
// the host's: which veth or bridge port belongs to a container's interface, which bridges
// there are, whether bridged packets pass the IP hooks. It also sets the two bridge flags that
// enforcement needs and forgets conntrack entries. It knows neither policies nor rules.
//
// Requests go to rtnetlink and ctnetlink sockets that were opened inside the namespace in
// question, so no thread of a caller ever changes its namespace. An interrupted dump is
// repeated; no function returns a part of a list, since callers delete by what is missing.
package link
