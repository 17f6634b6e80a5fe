// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
)

// isThis matches the attachment that the call is about.
func (c *call) isThis(a endpoint.Attachment) bool {
	return a.ContainerID == c.env.containerID && a.Endpoint.Interface == c.env.ifname
}

// del forgets an attachment. It needs neither prevResult nor the container's namespace, which
// may be gone, nor CNI_ARGS, which may be anything; there may be nothing to forget.
func (c *call) del(ctx context.Context) ([]byte, error) {
	this := c.this()
	return nil, c.detach(ctx, agentapi.Request{Verb: agentapi.VerbDetach, Detach: &this}, c.isThis)
}

// collect forgets the attachments of this network that the runtime no longer knows.
func (c *call) collect(ctx context.Context) ([]byte, error) {
	if c.conf.valid == nil {
		// Without the list, "none is valid" would close every container of the network.
		return nil, fail(InvalidConf, "%s: missing", validAttachments)
	}
	return nil, c.detach(ctx, c.askCollect(), func(a endpoint.Attachment) bool {
		return a.NetworkName == c.conf.name &&
			!c.conf.valid[attachmentID{a.ContainerID, a.Endpoint.Interface}]
	})
}

// detach removes what matches, which is what the request says to an agent.
func (c *call) detach(ctx context.Context, r agentapi.Request,
	match func(endpoint.Attachment) bool) error {
	do := func(n Node) error { return n.Detach(ctx, match) }
	if !c.agent() {
		err := c.doHere(ctx, do)
		if !errors.Is(err, endpoint.ErrOwned) || !c.adopt() {
			return coded(err)
		}
	}
	_, err := c.askOrDo(ctx, r, do)
	return coded(err)
}

// doHere does something on a node without an agent.
func (c *call) doHere(ctx context.Context, do func(Node) error) error {
	node, err := c.OpenNode(ctx, c.conf.settings)
	if err != nil {
		return err
	}
	defer node.Close()
	return do(node)
}

// adopt makes the agent that owns the node the one to ask, in a conf that does not know of it:
// runtimes keep the conf of an ADD for its DEL, and the node may have got its agent in between.
// That is for removals alone, since they open nothing.
func (c *call) adopt() bool {
	socket, err := c.FindOwner(c.conf.settings)
	if err != nil || socket == "" {
		c.logError("owner of the node", err)
		return false
	}
	c.log.Info("conf is older than the node's agent", "agent", socket)
	c.conf.settings.AgentSocket = socket
	return true
}

func coded(err error) error {
	if err == nil {
		return nil
	}
	return asError(err, NotEnforced)
}
