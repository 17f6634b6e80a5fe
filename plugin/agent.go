// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/policy"
)

// lockWait is how long a verb waits for the lock in the place of an agent that is down. Only an
// agent that is just starting holds it longer, and that answers when it has started.
const lockWait = 2 * time.Second

// agent reports whether the node has an agent, according to the conf.
func (c *call) agent() bool { return c.conf.settings.AgentSocket != "" }

func (c *call) ask(ctx context.Context, r agentapi.Request) (agentapi.Reply, error) {
	return c.CallAgent(ctx, c.conf.settings.AgentSocket, r)
}

// askOrDo asks the agent, and does the same on the node itself if the agent is down: its lock has
// died with it. A nil reply says that the node did it.
func (c *call) askOrDo(ctx context.Context, r agentapi.Request, do func(Node) error) (
	*agentapi.Reply, error) {
	reply, err := c.ask(ctx, r)
	if !errors.Is(err, agentapi.ErrDown) {
		return &reply, err
	}
	c.log.Warn("done without the agent", "verb", r.Verb, "reason", err)
	node, err := c.openInPlace(ctx, c.conf.settings)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		reply, err = c.ask(ctx, r)
		return &reply, err
	}
	if err != nil {
		return nil, err
	}
	defer node.Close()
	return nil, do(node)
}

// openInPlace opens the node of an agent that is down.
func (c *call) openInPlace(ctx context.Context, s Settings) (Node, error) {
	wait, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	return c.OpenNode(wait, s)
}

// this is what the runtime knows the call's attachment by.
func (c *call) this() agentapi.Interface {
	return agentapi.Interface{ContainerID: c.env.containerID, Interface: c.env.ifname}
}

// enforce makes the kernel follow an attachment. Without an agent, and under onAgentDown, the node
// itself does.
func (c *call) enforce(ctx context.Context, a endpoint.Attachment) (notes []string, err error) {
	if !c.agent() {
		node, err := c.OpenNode(ctx, c.conf.settings)
		if err != nil {
			return nil, err
		}
		defer node.Close()
		return node.Attach(ctx, a)
	}
	request := agentapi.Request{Verb: agentapi.VerbAttach, Attach: &a}
	if c.conf.onAgentDown != quarantine {
		reply, err := c.ask(ctx, request)
		return c.settle(&reply, err)
	}
	reply, err := c.askOrDo(ctx, request, func(n Node) error {
		c.log.Warn("endpoint is in quarantine until the agent is back", "endpoint", a.Endpoint.ID)
		notes, err = n.Attach(ctx, inQuarantine(a))
		return err
	})
	if reply == nil {
		return notes, err
	}
	return c.settle(reply, err)
}

// settle reads the agent's answer to an attach. Nothing but its result says that the rules are in
// the kernel. What an agent died on is taken back; one that hangs is not waited for, and ends it
// itself, since nobody waits for it any more.
func (c *call) settle(reply *agentapi.Reply, err error) ([]string, error) {
	var attached agentapi.Attached
	if err == nil {
		err = reply.Decode(&attached)
	}
	if errors.Is(err, agentapi.ErrLost) {
		c.logError("take back", c.takeBack())
	}
	return attached.Notes, err
}

// takeBack removes an attachment that the runtime does not know of, unless it is one anew of an
// endpoint in quarantine: with nothing of it left, its link would be nobody's.
func (c *call) takeBack() error {
	open := c.OpenNode
	if c.agent() {
		this := c.this()
		a, err := c.askCheck(c.cleanup, this.ID())
		switch {
		case errors.Is(err, agentapi.ErrDown):
			open = c.openInPlace
		case a.Endpoint.ID == "":
			return err // not attached, or nobody knows
		case held(a):
			return nil
		default:
			_, err = c.ask(c.cleanup, agentapi.Request{Verb: agentapi.VerbDetach, Detach: &this})
			return err
		}
	}
	node, err := open(c.cleanup, c.conf.settings)
	if err != nil {
		return err
	}
	defer node.Close()
	return node.Detach(c.cleanup, func(a endpoint.Attachment) bool {
		return c.isThis(a) && !held(a)
	})
}

// held reports whether an endpoint is in a quarantine that attaching it anew does not end.
func held(a endpoint.Attachment) bool {
	return a.Endpoint.Quarantine != nil && a.QuarantineReason != endpoint.QuarantineAgentDown
}

// inQuarantine cuts an endpoint off until somebody who reads the policies attaches it.
func inQuarantine(a endpoint.Attachment) endpoint.Attachment {
	a.Endpoint.Quarantine = &policy.Quarantine{}
	a.QuarantineReason, a.QuarantinedSince = endpoint.QuarantineAgentDown, a.Created
	return a
}

// askCheck asks the agent what was attached, and what differs in the kernel.
func (c *call) askCheck(ctx context.Context, id string) (endpoint.Attachment, error) {
	this := c.this()
	reply, err := c.ask(ctx, agentapi.Request{Verb: agentapi.VerbCheck, Check: &this})
	var found agentapi.Checked
	if err == nil {
		err = reply.Decode(&found)
	}
	if err != nil {
		return endpoint.Attachment{}, err
	}
	if got := found.Attachment.Endpoint.ID; got != id {
		return endpoint.Attachment{}, fmt.Errorf("agent: found endpoint %q", got)
	}
	var errs []error
	for _, d := range found.Differences {
		errs = append(errs, errors.New(d))
	}
	return found.Attachment, errors.Join(errs...)
}

// askCollect is the request of GC.
func (c *call) askCollect() agentapi.Request {
	collect := &agentapi.Collect{Network: c.conf.name, Valid: []agentapi.Interface{}}
	for id := range c.conf.valid {
		collect.Valid = append(collect.Valid, agentapi.Interface{ContainerID: id.containerID,
			Interface: id.ifname})
	}
	slices.SortFunc(collect.Valid, func(a, b agentapi.Interface) int {
		return cmp.Compare(a.ID(), b.ID())
	})
	return agentapi.Request{Verb: agentapi.VerbCollect, Collect: collect}
}

// askReady asks the agent what is missing for an ADD. An agent that is down is missing itself, and
// the node says whether containers are closed by that.
func (c *call) askReady(ctx context.Context) (missing []string, closed bool, err error) {
	reply, err := c.ask(ctx, agentapi.Request{Verb: agentapi.VerbReady})
	if errors.Is(err, agentapi.ErrDown) {
		missing, closed = c.Probe(ctx, c.conf.settings)
		return append([]string{err.Error()}, missing...), closed, nil
	}
	var ready agentapi.Ready
	if err == nil {
		err = reply.Decode(&ready)
	}
	return ready.Missing, ready.Closed, err
}
