// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
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
	was, err := c.registered(ctx, now.Endpoint.ID)
	if was.Endpoint.ID != "" {
		err = errors.Join(differences(was, now, port), err)
	}
	return nil, checked(now.Endpoint.ID, err)
}

// registered returns what is registered of the call's attachment, and what differs in the kernel.
func (c *call) registered(ctx context.Context, id string) (endpoint.Attachment, error) {
	open := c.OpenNode
	if c.agent() {
		a, err := c.askCheck(ctx, id)
		if !errors.Is(err, agentapi.ErrDown) {
			return a, err
		}
		c.log.Warn("checked without the agent", "reason", err)
		open = c.OpenReadOnly
	}
	node, err := open(ctx, c.conf.settings)
	if errors.Is(err, endpoint.ErrOwned) {
		node, err = c.OpenReadOnly(ctx, c.conf.settings) // whose the node is, it may be looked at
	}
	if err != nil {
		return endpoint.Attachment{}, err
	}
	defer node.Close()
	for _, a := range node.Attachments() {
		if c.isThis(a) {
			return a, node.Check(ctx, id)
		}
	}
	return endpoint.Attachment{}, errors.New("not attached")
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
