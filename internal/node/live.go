// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"

	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/nft"
)

// What a process that stays open needs besides.

// Follow makes the kernel follow what is registered and the policies that are in force. Unlike
// Resync it believes that nobody else has changed our tables.
func (n *Node) Follow(ctx context.Context) (Report, error) { return n.follow(ctx) }

// WatchKernel reports changes of our tables that others make, as nft.Kernel.Watch does.
func (n *Node) WatchKernel(ctx context.Context) (<-chan nft.Event, error) {
	return n.kernel.Watch(ctx)
}

// WatchLinks reports changes of links and addresses, as link.Conn.Watch does.
func (n *Node) WatchLinks(ctx context.Context) (<-chan link.Event, error) {
	return n.links.Watch(ctx)
}

// MarkWriters finds rules of others that can write the marks that say "judged".
func (n *Node) MarkWriters() ([]nft.MarkWriter, error) {
	return n.kernel.MarkWriters(n.config.EpochMask, n.config.PassedMark)
}

// Unenforced maps the ids of endpoints to why they are closed instead of judged.
func (n *Node) Unenforced() map[string]string {
	out := map[string]string{}
	for _, a := range n.attachments {
		if err := n.attached(a); err != nil {
			out[a.Endpoint.ID] = err.Error()
		}
	}
	_, conflicts := n.desired()
	for _, c := range conflicts {
		out[c.Endpoint.ID] = conflictOf(conflicts, c.Endpoint.ID).Error()
	}
	return out
}
