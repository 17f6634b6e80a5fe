// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// Features tries whether the kernel can hold our rules: all three tables with what every node has
// in them, in a transaction that is not committed. Where rules of ours are there is nothing to
// prove.
func (n *Node) Features(ctx context.Context) error {
	existing, err := n.kernel.Tables()
	if err != nil || len(existing) > 0 {
		return err
	}
	c := n.config
	c.Managed = compile.Managed{Interfaces: []string{"bulkhead-try"}}
	whole, _ := compile.Compile(compile.Input{Policies: &policy.Set{}, Config: c})
	whole = c.Stamped(whole, compile.Stamp{Generation: 1, Epoch: 1})
	if err := n.kernel.Try(ctx, ruleset.Diff(nil, whole)); err != nil {
		return fmt.Errorf("the kernel cannot hold our rules: %w", err)
	}
	return nil
}
