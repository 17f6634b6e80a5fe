// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/policy"
)

// Quarantined is what is known about an endpoint in quarantine.
type Quarantined struct {
	// Reason is endpoint.QuarantineRequested, endpoint.QuarantineAgentDown or free text.
	Reason string `json:"reason,omitempty"`
	// AllowFrom are the blocks that may still connect to it.
	AllowFrom []netip.Prefix `json:"allowFrom"`
	// Since is when it was cut off, in UTC; zero if nobody noted it.
	Since time.Time `json:"since,omitzero"`
}

// Quarantine cuts an endpoint off, running flows included, and returns when the kernel does it:
// only connections from allowFrom reach it, and nothing leaves it but replies to them. A second
// call replaces blocks and reason. It goes on with the last accepted policies when the policy
// directory cannot be read. The error is ErrUnknownEndpoint for an id that is not attached; after
// any other error it may be on disk already, and the next operation carries it out.
func (n *Node) Quarantine(ctx context.Context, id string, allowFrom []netip.Prefix,
	reason string) (Report, error) {
	return n.change(ctx, id, func(a *endpoint.Attachment) {
		if a.Endpoint.Quarantine == nil {
			a.QuarantinedSince = time.Now().UTC().Round(0)
		}
		a.Endpoint.Quarantine = &policy.Quarantine{AllowFrom: endpoint.CanonicalBlocks(allowFrom)}
		a.QuarantineReason = reason
	})
}

// Release ends an endpoint's quarantine, and policy judges it again. For one that is in none it
// does nothing. It refuses while the policy directory cannot be read, as Attach does: nobody knows
// what it would open.
func (n *Node) Release(ctx context.Context, id string) (Report, error) {
	if n.policyErr != nil {
		return Report{}, n.policyErr
	}
	return n.change(ctx, id, func(a *endpoint.Attachment) { moveQuarantine(endpoint.Attachment{}, a) })
}

// change alters what is registered about an endpoint: on disk first, then in the kernel. That it
// is registered already is no reason to leave the kernel alone: a former process may have died
// before it followed.
func (n *Node) change(ctx context.Context, id string,
	alter func(*endpoint.Attachment)) (Report, error) {
	i := n.index(id)
	if i < 0 {
		return Report{}, fmt.Errorf("%s: %w", id, ErrUnknownEndpoint)
	}
	a := n.attachments[i]
	alter(&a)
	if !reflect.DeepEqual(a, n.attachments[i]) {
		if err := n.registry.Put(a); err != nil {
			return Report{}, err
		}
		// What was compiled before points into the old list.
		n.attachments, n.compiled = slices.Clone(n.attachments), nil
		n.attachments[i] = a
	}
	return n.follow(ctx)
}

func (n *Node) index(id string) int {
	return slices.IndexFunc(n.attachments, func(a endpoint.Attachment) bool {
		return a.Endpoint.ID == id
	})
}

// held is the attachment of that id if it is in quarantine: attaching anew is no way out of one.
// Only a quarantine for want of an agent ends so.
func (n *Node) held(id string) (endpoint.Attachment, bool) {
	i := n.index(id)
	if i < 0 {
		return endpoint.Attachment{}, false
	}
	a := n.attachments[i]
	return a, a.Endpoint.Quarantine != nil && a.QuarantineReason != endpoint.QuarantineAgentDown
}

// hold puts an attachment in quarantine back in place of one that failed. With nothing of it left
// its link would be nobody's, and open where no base manages it.
func (n *Node) hold(ctx context.Context, a endpoint.Attachment) error {
	if err := n.registry.Put(a); err != nil {
		return err
	}
	n.remove(a.Endpoint.ID)
	n.attachments = append(n.attachments, a)
	_, err := n.follow(ctx)
	return err
}

func moveQuarantine(from endpoint.Attachment, to *endpoint.Attachment) {
	to.Endpoint.Quarantine = from.Endpoint.Quarantine
	to.QuarantineReason, to.QuarantinedSince = from.QuarantineReason, from.QuarantinedSince
}

// quarantined are the endpoints in quarantine, by id.
func (n *Node) quarantined() map[string]Quarantined {
	out := map[string]Quarantined{}
	for _, a := range n.attachments {
		if q := a.Endpoint.Quarantine; q != nil {
			out[a.Endpoint.ID] = Quarantined{Reason: a.QuarantineReason, Since: a.QuarantinedSince,
				AllowFrom: append([]netip.Prefix{}, q.AllowFrom...)}
		}
	}
	return out
}
