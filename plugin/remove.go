// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"

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
	if c.agent() {
		_, err := c.askOrDo(ctx, r, func(n Node) error { return n.Detach(ctx, match) })
		if err != nil {
			return asError(err, NotEnforced)
		}
		return nil
	}
	node, err := c.OpenNode(ctx, c.conf.settings)
	if err != nil {
		return asError(err, NotEnforced)
	}
	defer node.Close()
	if err := node.Detach(ctx, match); err != nil {
		return asError(err, NotEnforced)
	}
	return nil
}
