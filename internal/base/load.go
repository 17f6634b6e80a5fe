// SPDX-License-Identifier: Apache-2.0

package base

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

// configured is what a load needs of a node.
type configured interface {
	SetConfig(context.Context, compile.Config) (node.Report, error)
	Detach(context.Context, func(endpoint.Attachment) bool) (node.Report, error)
}

// load makes a configuration the node's and the kernel follow it.
func load(ctx context.Context, o node.Options, c compile.Config) (report node.Report, err error) {
	n, err := node.Open(ctx, o)
	if err != nil {
		return node.Report{}, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	return settle(ctx, n, c)
}

// settle does so even if a bridge's netfilter flags cannot be set, as when br_netfilter is not
// there: without them its endpoints are closed to each other, without our tables everything is
// open. The error is returned all the same.
func settle(ctx context.Context, n configured, c compile.Config) (node.Report, error) {
	report, err := n.SetConfig(ctx, c)
	if err == nil {
		return report, nil
	}
	// Detaching nobody makes the kernel follow what was recorded, whatever went wrong after.
	report, again := n.Detach(ctx, func(endpoint.Attachment) bool { return false })
	return report, errors.Join(err, again)
}

func summary(r node.Report, c compile.Config) string {
	m := c.Managed
	var parts []string
	for _, p := range []struct {
		noun   string
		values []string
	}{{"interfaces", m.Interfaces}, {"prefixes", m.Prefixes}, {"kinds", m.Kinds}} {
		if len(p.values) > 0 {
			parts = append(parts, p.noun+" "+strings.Join(p.values, ", "))
		}
	}
	if len(m.Subnets) > 0 {
		parts = append(parts, "subnets "+strings.Trim(fmt.Sprint(m.Subnets), "[]"))
	}
	changed := "unchanged"
	if r.Changed {
		changed = fmt.Sprintf("%d operations", r.Operations)
	}
	return fmt.Sprintf("generation %d, %s: closed are %s", r.Generation, changed,
		strings.Join(parts, "; "))
}
