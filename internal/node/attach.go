// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
)

// ErrConflict marks an attachment whose address another endpoint of the node holds.
var ErrConflict = endpoint.ErrConflict

// Attach registers an attachment and returns when its rules are in the kernel. Attaching what
// is attached already replaces it, but for a quarantine (see held). On an error nothing of it is
// left but a quarantine, and it stays closed.
func (n *Node) Attach(ctx context.Context, a endpoint.Attachment) (Report, error) {
	if n.policyErr != nil {
		return Report{}, n.policyErr
	}
	if err := n.evictStale(a); err != nil {
		return Report{}, err
	}
	former, held := n.held(a.Endpoint.ID)
	if held {
		moveQuarantine(former, &a)
	}
	report, err := n.attach(ctx, a)
	switch {
	case err == nil:
	case held:
		err = errors.Join(err, n.hold(context.WithoutCancel(ctx), former))
	default:
		err = errors.Join(err, n.undo(ctx, a.Endpoint.ID))
	}
	return report, err
}

func (n *Node) attach(ctx context.Context, a endpoint.Attachment) (Report, error) {
	// On disk first: if we die before the kernel follows, DEL finds what there is to remove.
	if err := n.registry.Put(a); err != nil {
		return Report{}, err
	}
	n.remove(a.Endpoint.ID)
	n.attachments, n.compiled = append(n.attachments, a), nil
	if a.Bridge != "" {
		if err := n.enableNetfilter(a.Bridge); err != nil {
			return Report{}, err
		}
		if err := n.closeReserved(a, true); err != nil {
			return Report{}, err
		}
	}
	report, err := n.follow(ctx)
	if err != nil {
		return report, err
	}
	if err := conflictOf(report.Conflicts, a.Endpoint.ID); err != nil {
		return report, err // the flows of that address are its holder's
	}
	// Flows that ran to or from these addresses while nobody, or somebody else, had them. Only
	// now that the guard is in force, none can arise behind our back.
	return report, n.links.DropAddress(a.Endpoint.Addresses)
}

func conflictOf(conflicts []compile.Conflict, id string) error {
	for _, c := range conflicts {
		if c.Endpoint.ID == id {
			return fmt.Errorf("%s: %w: %s (%s)", c.Addr, ErrConflict, c.Holder, c.Holder.ID)
		}
	}
	return nil
}

// evictStale removes attachments whose container died without a DEL: those on a's own link,
// which has one container, and those that hold an address of a's and have no link any more. Left
// alone, the first would lend their address to the link's new owner, the second close a's.
func (n *Node) evictStale(a endpoint.Attachment) error {
	for _, old := range n.Attachments() {
		stale := old.HostInterface == a.HostInterface
		if old.Endpoint.ID == a.Endpoint.ID || !stale && !shareAddress(old, a) {
			continue
		}
		if !stale {
			exists, err := n.links.LinkExists(old.HostInterface)
			if err != nil {
				return err
			}
			if exists {
				continue // alive: the newer claim stays closed
			}
		}
		if err := n.registry.Delete(old.Endpoint.ID); err != nil {
			return err
		}
		n.remove(old.Endpoint.ID)
	}
	return nil
}

func shareAddress(a, b endpoint.Attachment) bool {
	for _, addr := range a.Endpoint.Addresses {
		if slices.Contains(b.Endpoint.Addresses, addr) {
			return true
		}
	}
	return false
}

func (n *Node) remove(id string) {
	n.compiled = nil
	n.attachments = slices.DeleteFunc(n.attachments, func(a endpoint.Attachment) bool {
		return a.Endpoint.ID == id
	})
}

// undo takes a failed attachment back.
func (n *Node) undo(ctx context.Context, id string) error {
	_, err := n.Detach(context.WithoutCancel(ctx), func(a endpoint.Attachment) bool {
		return a.Endpoint.ID == id
	})
	return err
}

// Detach removes every attachment that matches, its rules, and the connections that conntrack
// still knows of its addresses. That none matches is no error: the kernel is made to follow
// what is registered all the same, in case a former process died half-way.
func (n *Node) Detach(ctx context.Context, match func(endpoint.Attachment) bool) (Report, error) {
	var gone []endpoint.Attachment
	for _, a := range n.Attachments() {
		if !match(a) {
			continue
		}
		if err := n.registry.Delete(a.Endpoint.ID); err != nil {
			return Report{}, err
		}
		n.remove(a.Endpoint.ID)
		gone = append(gone, a)
	}
	report, err := n.follow(ctx)
	for _, a := range gone {
		err = errors.Join(err, n.links.DropAddress(n.unheld(a.Endpoint.Addresses)))
	}
	return report, err
}

// unheld leaves out the addresses that an attachment holds. Whoever failed to claim one must not
// end the connections of its holder by leaving.
func (n *Node) unheld(addrs []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(addrs), func(addr netip.Addr) bool {
		return slices.ContainsFunc(n.attachments, func(a endpoint.Attachment) bool {
			return slices.Contains(a.Endpoint.Addresses, addr)
		})
	})
}

// Apply makes the kernel follow the policy directory and the registry now, and repairs what
// somebody else changed in our tables.
func (n *Node) Apply(ctx context.Context) (Report, error) {
	if n.policyErr != nil {
		return Report{}, n.policyErr
	}
	if err := n.MendLinks(); err != nil {
		n.note(err.Error())
	}
	return n.Resync(ctx)
}

// Resync makes the kernel follow what is registered and the policies that are in force, be they
// the last accepted ones, and repairs what somebody else changed in our tables.
func (n *Node) Resync(ctx context.Context) (Report, error) {
	report, err := n.follow(ctx)
	if err != nil || report.Changed {
		return report, err
	}
	drift, err := n.Verify(ctx)
	if err != nil || len(drift) == 0 {
		return report, err
	}
	return n.repair(ctx, drift)
}
