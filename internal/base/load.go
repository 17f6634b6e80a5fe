// SPDX-License-Identifier: Apache-2.0

package base

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

// errLocked marks a lock that somebody else did not give up in time.
var errLocked = errors.New("the node is locked")

// load makes a configuration the node's and the kernel follow it.
func load(ctx context.Context, o node.Options, c compile.Config) (node.Report, error) {
	owner, owned, err := node.Owner(o.StateDir)
	switch {
	case err != nil:
		return node.Report{}, fmt.Errorf("%w: %w", node.ErrOwned, err)
	case owned:
		return loadOwned(ctx, o, owner, c)
	}
	return loadHere(ctx, o, c)
}

func loadHere(ctx context.Context, o node.Options, c compile.Config) (r node.Report, err error) {
	n, err := node.Open(ctx, o)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", errLocked, err)
	}
	if err != nil {
		return node.Report{}, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	return n.SetConfig(ctx, c)
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
