// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"

	"github.com/bulkhead-net/bulkhead/internal/compile"
)

const configFile = "config.json"

// loadConfig reads the base configuration. A corrupt one stops everything: what it closed must
// not open because a file cannot be read.
func (n *Node) loadConfig() error {
	if err := readJSON(n.path(configFile), &n.config); err != nil {
		return fmt.Errorf("base configuration: %w", err)
	}
	return n.config.Validate()
}

// SetConfig makes a configuration the node's, and the kernel follow it. The marks may change
// only while nothing is installed: flows carry them.
func (n *Node) SetConfig(ctx context.Context, c compile.Config) (Report, error) {
	if err := c.Validate(); err != nil {
		return Report{}, err
	}
	state, err := n.readKernel()
	if err != nil {
		return Report{}, err
	}
	if len(state.tables) > 0 && c.EpochMask != n.config.EpochMask {
		return Report{}, fmt.Errorf("epochMask: is %#x while rules are installed, found %#x",
			n.config.EpochMask, c.EpochMask)
	}
	if err := writeJSON(n.path(configFile), c); err != nil {
		return Report{}, fmt.Errorf("base configuration: %w", err)
	}
	n.config = c
	n.set.AllowEncapsulation = c.AllowEncapsulation
	for _, name := range c.Managed.Interfaces {
		if err := n.enableIfBridge(name); err != nil {
			return Report{}, err
		}
	}
	return n.follow(ctx)
}
