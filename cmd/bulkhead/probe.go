// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/plugin"
)

// probe tries what an ADD would need, and says whether endpoints of this node are closed by
// what is missing. In the place of an agent it only looks.
func probe(ctx context.Context, s plugin.Settings) (missing []string, closed bool) {
	note := func(what string, err error) {
		if err != nil {
			missing = append(missing, fmt.Sprintf("%s: %v", what, err))
		}
	}
	note("br_netfilter", bridgeNetfilter())
	if s.AgentSocket != "" {
		n, err := node.OpenReadOnly(options(s))
		if err != nil {
			note("stateDir", err)
			return missing, false
		}
		defer n.Close()
		note("policyDir", n.PolicyError())
		closed, err := anyClosed(n)
		note("kernel", err)
		return missing, closed
	}
	n, err := node.Open(ctx, options(s))
	if err != nil {
		note("stateDir", err)
		return missing, false
	}
	defer n.Close()
	note("policyDir", n.PolicyError())
	// The lock is held: nobody makes or removes our tables meanwhile.
	note("nft tables", tables(ctx))
	if len(missing) == 0 {
		return nil, false
	}
	closed, err = anyClosed(n)
	note("kernel", err)
	return missing, closed
}

// anyClosed reports whether endpoints are closed instead of judged by policy.
func anyClosed(n *node.Node) (bool, error) {
	status, err := n.Status()
	lost := !status.Recorded && len(n.Attachments()) > 0
	for _, q := range status.Quarantined {
		lost = lost || q.Reason == endpoint.QuarantineAgentDown
	}
	return lost || len(status.NotEnforced) > 0, err
}

// bridgeNetfilter looks for the switches that are there if and only if the module is loaded.
func bridgeNetfilter() error {
	_, err := os.Stat("/proc/sys/net/bridge/bridge-nf-call-iptables")
	if errors.Is(err, fs.ErrNotExist) {
		return link.ErrNoBridgeNetfilter
	}
	return err
}

// tables makes our tables, empty, and removes them in the same transaction, so that nothing of
// it is ever in force. Where one exists already there is nothing to prove.
func tables(ctx context.Context) error {
	k, err := nft.Open(nft.Options{})
	if err != nil {
		return err
	}
	defer k.Close()
	existing, err := k.Tables()
	if err != nil || len(existing) > 0 {
		return err
	}
	var ops []ruleset.Op
	for _, f := range []ruleset.Family{ruleset.IP, ruleset.IP6, ruleset.Bridge} {
		ops = append(ops, ruleset.Op{Kind: ruleset.AddTable, Family: f},
			ruleset.Op{Kind: ruleset.DeleteTable, Family: f})
	}
	return k.Apply(ctx, ops)
}
