// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/link"
)

// check compares the registered attachment with prevResult and the links, and the rules of its
// endpoint with the kernel.
func (c *call) check(ctx context.Context) ([]byte, error) {
	now, r, err := c.describe()
	if err != nil {
		return nil, err
	}
	_, port, err := c.find(now, r)
	switch {
	case c.conf.dryRun, errors.Is(err, link.ErrUnenforceable) && c.conf.allow:
		return nil, nil // ADD left nothing that could be missing
	case err != nil:
		return nil, err
	}
	place(&now, port)
	node, err := c.OpenNode(ctx, c.conf.settings)
	if err != nil {
		return nil, asError(err, NotEnforced)
	}
	defer node.Close()
	for _, a := range node.Attachments() {
		if c.isThis(a) {
			err = errors.Join(differences(a, now, port), node.Check(ctx, a.Endpoint.ID))
			return nil, checked(now.Endpoint.ID, err)
		}
	}
	return nil, checked(now.Endpoint.ID, errors.New("not attached"))
}

func checked(id string, err error) error {
	if err == nil {
		return nil
	}
	lines := strings.Split(err.Error(), "\n") // of joined errors
	return &Error{
		Code:    asError(err, NotEnforced).Code,
		Msg:     fmt.Sprintf("endpoint %s: %s", id, lines[0]),
		Details: strings.Join(lines[1:], "; "),
		cause:   err,
	}
}

// differences compares what ADD saw with what there is. Later plugins of the chain may have
// added addresses; they may not have taken ours.
func differences(was, now endpoint.Attachment, port link.Port) error {
	var errs []error
	for _, d := range []struct{ what, was, now string }{
		{"link of the host", was.HostInterface, now.HostInterface},
		{"bridge", was.Bridge, now.Bridge},
		{"mac", was.MAC, now.MAC},
		{"network", was.NetworkName, now.NetworkName},
	} {
		if d.was != d.now {
			errs = append(errs, fmt.Errorf("%s: found %q, want %q", d.what, d.now, d.was))
		}
	}
	for _, a := range was.Endpoint.Addresses {
		if !slices.Contains(now.Endpoint.Addresses, a) {
			errs = append(errs, fmt.Errorf("prevResult.ips: %s is missing", a))
		}
	}
	if was.Isolated && !port.Isolated {
		errs = append(errs, fmt.Errorf("portIsolation: %s is not isolated", port.Name))
	}
	return errors.Join(errs...)
}
