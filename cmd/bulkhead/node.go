// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/plugin"
)

// attachedNode is a node.Node as the plugin wants it.
type attachedNode struct{ *node.Node }

// openNode waits for the lock as long as the verb has time. Acting in the place of an agent takes
// the one that the conf names: another one may live.
func openNode(ctx context.Context, s plugin.Settings) (plugin.Node, error) {
	o := options(s)
	if end, ok := ctx.Deadline(); ok {
		o.LockTimeout = time.Until(end)
	}
	if o.Agent {
		owner, owned, err := node.Owner(o.StateDir)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", node.ErrOwned, err)
		}
		if owned && owner.Socket != s.AgentSocket {
			return nil, fmt.Errorf("%w: %s belongs to %s, and the conf names %s", node.ErrOwned,
				o.StateDir, owner, s.AgentSocket)
		}
	}
	n, err := node.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return attachedNode{n}, nil
}

func openReadOnly(_ context.Context, s plugin.Settings) (plugin.Node, error) {
	n, err := node.OpenReadOnly(options(s))
	if err != nil {
		return nil, err
	}
	return attachedNode{n}, nil
}

// options are those of a conf. On a node that an agent owns, the policies are the agent's.
func options(s plugin.Settings) node.Options {
	o := node.Options{
		StateDir:  stateDir(s),
		PolicyDir: cmp.Or(s.PolicyDir, node.DefaultPolicyDir),
		Agent:     s.AgentSocket != "",
	}
	if owner, owned, err := node.Owner(o.StateDir); err == nil && owned {
		o.PolicyDir = cmp.Or(owner.PolicyDir, o.PolicyDir)
	}
	return o
}

func stateDir(s plugin.Settings) string { return cmp.Or(s.StateDir, node.DefaultStateDir) }

func findOwner(s plugin.Settings) (string, error) {
	owner, _, err := node.Owner(stateDir(s))
	return owner.Socket, err
}

func (n attachedNode) Attach(ctx context.Context, a endpoint.Attachment) ([]string, error) {
	report, err := n.Node.Attach(ctx, a)
	notes := n.Notes()
	for _, p := range n.Policies().Problems {
		notes = append(notes, "policy: "+p.String())
	}
	if report.Rebuilt != "" {
		notes = append(notes, "rules rebuilt: "+report.Rebuilt)
	}
	return notes, err
}

func (n attachedNode) Detach(ctx context.Context, match func(endpoint.Attachment) bool) error {
	_, err := n.Node.Detach(ctx, match)
	return err
}
