// SPDX-License-Identifier: Apache-2.0

package base

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

// askTime is how long an agent may take to say that it lives.
const askTime = 2 * time.Second

// loadOwned is load on a node that belongs to an agent. One that lives has the base in its own
// hands; of one that is down nothing holds the lock, and what is closed is as good as ever.
func loadOwned(ctx context.Context, o node.Options, owner node.Ownership, c compile.Config) (
	node.Report, error) {
	ask, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	_, err := agentapi.Call(ask, owner.Socket, agentapi.Request{Verb: agentapi.VerbReady})
	o = o.InPlaceOf(owner)
	o.LockTimeout = askTime
	if errors.Is(err, agentapi.ErrDown) {
		report, err := loadHere(ctx, o, c)
		if !errors.Is(err, errLocked) {
			return report, err
		}
		// An agent that starts has the lock before it answers.
	}
	if ctx.Err() != nil {
		return node.Report{}, ctx.Err()
	}
	report, same, err := recorded(ctx, o, c)
	if err != nil {
		return node.Report{}, err
	}
	if !same {
		return node.Report{}, fmt.Errorf("%w: %s belongs to %s, which reads the section base of its "+
			"configuration file when it starts and on SIGHUP", node.ErrOwned, o.StateDir, owner)
	}
	return report, nil
}

// recorded tells whether the configuration is the node's already, and the kernel holds it.
func recorded(ctx context.Context, o node.Options, c compile.Config) (r node.Report, same bool,
	err error) {
	n, err := node.OpenReadOnly(o)
	if err != nil {
		return r, false, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	now, err := json.Marshal(n.Config())
	if err != nil {
		return r, false, err
	}
	wanted, err := json.Marshal(c)
	if err != nil || !bytes.Equal(now, wanted) {
		return r, false, err
	}
	status, err := n.Status()
	return node.Report{Generation: status.Stamp.Generation}, status.Recorded, err
}
