// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// view is a node at one moment: its inputs, what should be in the kernel, what is.
type view struct {
	attachments []endpoint.Attachment
	policies    *policy.Set
	desired     *ruleset.Ruleset
	status      node.Status
	drift       []nft.Drift
	counters    map[nft.CounterKey]nft.Count
}

// look reads a view. Nothing is changed and no lock is taken, so it may see a change of another
// process half-way: then drift says so, and looking again settles it.
func look(ctx context.Context, o node.Options) (v view, err error) {
	n, err := openReadOnly(o)
	if err != nil {
		return view{}, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	return lookAt(ctx, n)
}

func openReadOnly(o node.Options) (*node.Node, error) {
	n, err := node.OpenReadOnly(telling(o))
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("only root can look into the kernel: %w", err)
	}
	return n, err
}

func lookAt(ctx context.Context, n *node.Node) (v view, err error) {
	v.attachments, v.policies = n.Attachments(), n.Policies()
	if v.desired, err = n.Desired(); err != nil {
		return view{}, err
	}
	if v.drift, err = n.Verify(ctx); err != nil {
		return view{}, err
	}
	if v.status, err = n.Status(); err != nil {
		return view{}, err
	}
	v.counters, err = n.Counters(ctx)
	return v, err
}
