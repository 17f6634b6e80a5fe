// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"maps"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
)

// Label changes labels of an endpoint that runs, and returns when the kernel judges it by the new
// ones: what they no longer allow is cut. The error is ErrUnknownEndpoint for an id that is not
// attached. It refuses while the policy directory cannot be read, as Attach does.
func (n *Node) Label(ctx context.Context, id string, set map[string]string,
	remove []string) (Report, error) {
	if n.policyErr != nil {
		return Report{}, n.policyErr
	}
	return n.change(ctx, id, func(a *endpoint.Attachment) {
		labels := maps.Clone(a.Endpoint.Labels)
		if labels == nil {
			labels = map[string]string{}
		}
		for _, key := range remove {
			delete(labels, key)
		}
		maps.Copy(labels, set)
		a.Endpoint.Labels = labels
	})
}
