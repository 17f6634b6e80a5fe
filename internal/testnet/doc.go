// SPDX-License-Identifier: Apache-2.0

// Package testnet builds small networks for tests: a "host" network namespace with bridges
// and routed links, containers (further namespaces), servers in them and probes between them.
//
//	n := testnet.New(t)
//	n.Bridge(t, "br0", "10.1.0.1/24", "fd00:1::1/64")
//	web, db := n.AddContainer(t, "web"), n.AddContainer(t, "db")
//	n.AttachBridged(t, web, "br0", testnet.Plug{Addresses: []string{"10.1.0.2/24"}})
//	n.AttachBridged(t, db, "br0", testnet.Plug{Addresses: []string{"10.1.0.3/24"}})
//	db.Serve(t, "tcp", 5432)
//	err := web.Dial("tcp", "10.1.0.3:5432", 0) // nil, ErrTimeout, ErrRefused, ...
//
// Namespaces are anonymous: only file descriptors of the test process keep them, so nothing is
// left behind even when the process is killed. The package needs root, and only for tests: no
// product code may import it.
package testnet
