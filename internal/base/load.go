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

// load makes a configuration the node's and the kernel follow it.
func load(ctx context.Context, o node.Options, c compile.Config) (report node.Report, err error) {
	n, err := node.Open(ctx, o)
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
