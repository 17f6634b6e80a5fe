// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/bulkhead-net/bulkhead/internal/compile"
)

const configFile = "config.json"

// loadConfig reads the base configuration. A corrupt one stops everything and stays where it
// is: with it set aside, the next process would take the node for one that closes nothing.
func (n *Node) loadConfig() error {
	path := n.path(configFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(data, &n.config)
	}
	if err == nil {
		err = n.config.Validate()
	}
	if err != nil {
		return fmt.Errorf("base configuration %s: %w; load it anew with bulkheadd base after "+
			"removing the file", path, err)
	}
	return nil
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
	n.config, n.compiled = c, nil
	set := *n.set // somebody may read the present one
	set.AllowEncapsulation = c.AllowEncapsulation
	n.set = &set
	// Closed first: a bridge that cannot hand its frames over is no reason to leave it open.
	report, err := n.follow(ctx)
	for _, name := range c.Managed.Interfaces {
		err = errors.Join(err, n.enableIfBridge(name))
	}
	return report, err
}
