// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/plugin"
)

// preview compiles the node with and without an attachment, and prints what is wrong with the
// policies and the transaction that would lead from one to the other.
func preview(_ context.Context, s plugin.Settings, a endpoint.Attachment) (string, error) {
	n, err := node.OpenReadOnly(options(s))
	if err != nil {
		return "", err
	}
	defer n.Close()
	if err := n.PolicyError(); err != nil {
		return "", err
	}
	before := n.Input()
	var old *ruleset.Ruleset
	if len(before.Endpoints) > 0 || !before.Config.Managed.Empty() {
		old, _ = compile.Compile(before)
	}
	after := before
	after.Endpoints = append(slices.DeleteFunc(slices.Clone(before.Endpoints),
		func(e compile.Endpoint) bool { return e.ID == a.Endpoint.ID }),
		compile.Endpoint{Endpoint: &a.Endpoint, Local: local(a)})
	desired, conflicts := compile.Compile(after)
	ops := ruleset.Diff(old, desired)

	var b strings.Builder
	for _, p := range n.Policies().Problems {
		fmt.Fprintln(&b, "policy:", p)
	}
	for _, c := range conflicts {
		fmt.Fprintf(&b, "conflict: %s of %s is held by %s\n", c.Addr, c.Endpoint.ID, c.Holder.ID)
	}
	fmt.Fprintf(&b, "%d operations in one transaction:\n%s", len(ops), ruleset.OpsText(ops))
	return b.String(), nil
}

// local is where the attachment meets the host, as the compiler sees it.
func local(a endpoint.Attachment) *compile.Local {
	l := &compile.Local{Port: a.HostInterface, Bridge: a.Bridge, Isolated: a.Isolated}
	if mac, err := net.ParseMAC(a.MAC); err == nil { // printed from a hardware address
		copy(l.MAC[:], mac)
	}
	return l
}
