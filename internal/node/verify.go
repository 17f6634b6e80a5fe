// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/nft"
)

// Verify compares the kernel with what should be in it. A difference counts if two readings in
// a row find one: while others commit, a dump can show what was never there at any one time.
func (n *Node) Verify(context.Context) ([]nft.Drift, error) {
	desired, err := n.Desired()
	if err != nil {
		return nil, err
	}
	drift, err := n.kernel.Verify(desired)
	if err != nil || len(drift) == 0 {
		return nil, err
	}
	return n.kernel.Verify(desired)
}

// repair replaces our tables after somebody changed them by hand: the recorded model no longer
// says what they hold, so it is forgotten and the transaction is a rebuild.
func (n *Node) repair(ctx context.Context, drift []nft.Drift) (Report, error) {
	if err := n.distrust(); err != nil {
		return Report{}, err
	}
	report, err := n.follow(ctx)
	report.Rebuilt = fmt.Sprintf("%d differences, the first: %s", len(drift), drift[0])
	return report, err
}

// distrust makes the recorded model's generation one that the kernel cannot have.
func (n *Node) distrust() error {
	n.model = nil
	state, err := n.readKernel()
	if err != nil {
		return err
	}
	m, trusted, err := n.findInstalled(state)
	if err != nil || !trusted {
		return err
	}
	m.Stamp.Generation++
	data, err := m.encode()
	if err != nil {
		return err
	}
	err = os.Remove(n.path(nextFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return writeFile(n.path(installedFile), data)
}

// ErrUnknownEndpoint marks an id that is not registered.
var ErrUnknownEndpoint = endpoint.ErrUnknown

// Check tells whether the endpoint with that id is enforced: registered, its rules and all
// they stand on in the kernel, its interface where it was, its bridge handing frames over.
func (n *Node) Check(ctx context.Context, id string) error {
	for _, a := range n.attachments {
		if a.Endpoint.ID != id {
			continue
		}
		if err := n.attached(a); err != nil {
			return err
		}
		drift, err := n.Verify(ctx)
		if err != nil {
			return err
		}
		var errs []error
		for _, d := range drift {
			errs = append(errs, fmt.Errorf("kernel: %s", d))
		}
		return errors.Join(errs...)
	}
	return fmt.Errorf("%s: %w", id, ErrUnknownEndpoint)
}

// attached says why an endpoint cannot be enforced where it is, nil if it can.
func (n *Node) attached(a endpoint.Attachment) error {
	l, err := n.links.HostLink(a.HostInterface)
	if err != nil {
		return err
	}
	if l.Bridge != a.Bridge {
		return fmt.Errorf("interface %s: found on bridge %q, want %q", a.HostInterface, l.Bridge,
			a.Bridge)
	}
	if a.Bridge == "" {
		return nil
	}
	if !l.Reserved {
		return fmt.Errorf("interface %s: its bridge gives the node what is sent to reserved groups "+
			"(group_fwd_mask)", a.HostInterface)
	}
	v4, v6, err := n.links.BridgeNetfilter(a.Bridge)
	if err != nil {
		return err
	}
	if !v4 || !v6 {
		return fmt.Errorf("bridge %s: frames are not handed to the IP hooks (nf_call_iptables %t, "+
			"nf_call_ip6tables %t); traffic between its endpoints is closed", a.Bridge, v4, v6)
	}
	return nil
}
