// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/source/files"
)

// hand is what a command reaches a node with: the agent that owns it, or else the node's lock.
type hand struct {
	options node.Options
	// owner is the node's agent; nil for a node without one.
	owner *node.Ownership
	// wait is how long an answer of the agent is waited for.
	wait time.Duration
	// reads says that the order is about the policy directory as it is now. In the place of an agent
	// all others go on with the policies that it accepted last.
	reads bool
	// notes are for whoever wants to know who did it.
	notes io.Writer
}

// tellTime is how long commands that only tell wait for the agent: they can do without.
const tellTime = 5 * time.Second

// lockWait is how long a command waits for the lock in the place of an agent that is down. Only an
// agent that is just starting holds it longer, and that answers when it has started.
const lockWait = 2 * time.Second

func (e Environment) hand(o node.Options, s cli.Streams, wait time.Duration) (*hand, error) {
	owner, owned, err := node.Owner(o.StateDir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", node.ErrOwned, err)
	}
	h := &hand{options: o, wait: cmp.Or(e.AgentTime, wait), notes: s.Err}
	if owned {
		h.owner = &owner
	}
	return h, nil
}

// ear is a hand for lists, which do without an owner that cannot be believed.
func (e Environment) ear(o node.Options, s cli.Streams) *hand {
	h, err := e.hand(o, s, tellTime)
	if err != nil {
		fmt.Fprintf(s.Err, "%s; what follows is read from the node itself\n",
			cli.Printable(err.Error()))
		h = &hand{options: o, notes: s.Err}
	}
	return h
}

// otherPolicies refuses a policy directory that is not the agent's: nothing would come of it.
func (h *hand) otherPolicies() error {
	if h.owner == nil || h.owner.PolicyDir == "" || h.options.PolicyDir == node.DefaultPolicyDir ||
		filepath.Clean(h.options.PolicyDir) == filepath.Clean(h.owner.PolicyDir) {
		return nil
	}
	return cli.Usagef("--policy-dir: found %s, but the node belongs to an agent that reads %s",
		h.options.PolicyDir, h.owner.PolicyDir)
}

// ask sends the owner a request and reads the result, unless that is nil.
func (h *hand) ask(ctx context.Context, r agentapi.Request, result any) error {
	ctx, cancel := context.WithTimeout(ctx, h.wait)
	defer cancel()
	reply, err := agentapi.Call(ctx, h.owner.Socket, r)
	if err != nil || result == nil {
		return err
	}
	return reply.Decode(result)
}

// change has the owner do something. In the place of an owner that is down, and on a node without
// one, the command does the same itself: the lock of a dead agent has died with it.
func (h *hand) change(ctx context.Context, tell func(context.Context) error,
	do func(context.Context, *node.Node) error) (err error) {
	if err := h.otherPolicies(); err != nil {
		return err
	}
	o := h.options
	if h.owner != nil {
		err := tell(ctx)
		if !errors.Is(err, agentapi.ErrDown) {
			return unanswered(err)
		}
		fmt.Fprintf(h.notes, "%s; doing it without the agent\n", cli.Printable(err.Error()))
		o = o.InPlaceOf(*h.owner)
		o.LockTimeout = lockWait
		if h.reads {
			watch, err := files.Open(o.PolicyDir, files.Options{})
			if err != nil {
				return err
			}
			defer watch.Close()
			o.ReadPolicies = watch.Read
		}
	}
	n, err := node.Open(ctx, o)
	if h.owner != nil && errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		fmt.Fprintln(h.notes, "somebody holds the node's lock, maybe an agent that starts; asking it "+
			"once more")
		return unanswered(tell(ctx))
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	return do(ctx, n)
}

// unanswered says what is not known after an agent gave no answer.
func unanswered(err error) error {
	if errors.Is(err, agentapi.ErrTimeout) || errors.Is(err, agentapi.ErrBusy) {
		return fmt.Errorf("the agent hangs or is busy, and may do it yet: %w", err)
	}
	return err
}

// hear asks the owner what it knows. The word is false, and why is on the notes, if there is nobody
// to ask or no answer: then the node itself has to tell.
func (h *hand) hear(ctx context.Context, verb agentapi.Verb, result any) bool {
	if h.owner == nil {
		return false
	}
	err := h.ask(ctx, agentapi.Request{Verb: verb}, result)
	if err != nil {
		fmt.Fprintf(h.notes, "%s; what follows is read from the node itself\n",
			cli.Printable(err.Error()))
	}
	return err == nil
}

// telling are the options of a command that only looks: an agent's policies are the node's, unless
// other ones are named.
func telling(o node.Options) node.Options {
	owner, owned, err := node.Owner(o.StateDir)
	if err == nil && owned && o.PolicyDir == node.DefaultPolicyDir {
		o.PolicyDir = cmp.Or(owner.PolicyDir, o.PolicyDir)
	}
	return o
}
