// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/link"
)

// add makes the kernel enforce policy on an interface that another plugin made, and returns
// the result it was given.
func (c *call) add(ctx context.Context) ([]byte, error) {
	a, r, err := c.describe()
	if err != nil {
		return nil, err
	}
	output := append(bytes.Clone(r.text), '\n')
	links, port, err := c.find(a, r)
	switch {
	case errors.Is(err, link.ErrUnenforceable) && (c.conf.allow || c.conf.dryRun):
		c.log.Warn("endpoint is NOT enforced", "endpoint", a.Endpoint.ID, "reason", err)
		return output, nil
	case err != nil:
		return nil, err
	}
	place(&a, port)
	if c.conf.portIsolation && port.Bridge == "" {
		return nil, fail(InvalidConf, "portIsolation: found true, but %s of the host is no port of "+
			"a bridge", port.Name)
	}
	if c.conf.dryRun {
		return output, c.preview(ctx, a)
	}
	if err := c.attach(ctx, links, port, a); err != nil {
		return nil, err
	}
	return output, nil
}

// describe makes the attachment that a call is about, apart from where it meets the host.
func (c *call) describe() (endpoint.Attachment, *result, error) {
	r, err := c.conf.readResult()
	if err != nil {
		return endpoint.Attachment{}, nil, err
	}
	identity, err := identify(c.env, c.conf)
	if err != nil {
		return endpoint.Attachment{}, nil, err
	}
	if identity.Addresses, err = r.addresses(c.env.ifname); err != nil {
		return endpoint.Attachment{}, nil, err
	}
	return endpoint.Attachment{
		Endpoint:    identity,
		ContainerID: c.env.containerID,
		NetNS:       c.env.netns,
		NetworkName: c.conf.name,
		Isolated:    c.conf.portIsolation,
		Created:     time.Now().UTC(),
	}, r, nil
}

// find looks for the host's side of CNI_IFNAME and compares both sides with prevResult.
func (c *call) find(a endpoint.Attachment, r *result) (Links, link.Port, error) {
	if err := checkNamespace(a.NetNS); err != nil {
		return nil, link.Port{}, err
	}
	links, err := c.OpenLinks()
	if err != nil {
		return nil, link.Port{}, err
	}
	port, err := links.FindPort(a.NetNS, a.Endpoint.Interface)
	switch {
	case errors.Is(err, link.ErrUnenforceable):
		return nil, port, &Error{Code: Unenforceable, cause: err,
			Msg: fmt.Sprintf("CNI_IFNAME: %v (onUnenforceable allows it unprotected)", err)}
	case errors.Is(err, fs.ErrNotExist):
		return nil, port, fail(InvalidEnvironment, "CNI_IFNAME: no %s in CNI_NETNS %s: %w",
			a.Endpoint.Interface, a.NetNS, err)
	case err != nil:
		return nil, port, asError(fmt.Errorf("CNI_IFNAME: %w", err), NotEnforced)
	}
	mac, err := r.mac(a.Endpoint.Interface)
	if err != nil {
		return nil, port, err
	}
	// A process that is in the namespace already may have changed the address, and would pass
	// the guard under the address that it chose.
	if mac != nil && !bytes.Equal(mac, port.MAC) {
		return nil, port, fail(Contradiction, "prevResult: interface %s has mac %s, but the kernel "+
			"says %s", a.Endpoint.Interface, mac, port.MAC)
	}
	return links, port, nil
}

func place(a *endpoint.Attachment, port link.Port) {
	a.HostInterface, a.Bridge, a.MAC = port.Name, port.Bridge, port.MAC.String()
}

// attach changes the kernel: isolation first, so that no frame passes without it.
func (c *call) attach(ctx context.Context, links Links, port link.Port,
	a endpoint.Attachment) (err error) {
	if a.Isolated && !port.Isolated {
		if err := links.SetIsolated(port.Name, true); err != nil {
			return asError(fmt.Errorf("portIsolation: %w", err), NotEnforced)
		}
		defer func() {
			// An agent that gives no answer may have attached the endpoint as isolated.
			if err != nil && !errors.Is(err, agentapi.ErrTimeout) {
				c.logError("isolation stays set", links.SetIsolated(port.Name, false))
			}
		}()
	}
	notes, err := c.enforce(ctx, a)
	if err != nil {
		return asError(fmt.Errorf("endpoint %s: %w", a.Endpoint.ID, err), NotEnforced)
	}
	c.attached = true
	for _, n := range notes {
		c.log.Warn(n)
	}
	return nil
}

// preview reports what ADD would do.
func (c *call) preview(ctx context.Context, a endpoint.Attachment) error {
	text, err := c.Preview(ctx, c.conf.settings, a)
	if err != nil {
		return asError(fmt.Errorf("dryRun: %w", err), NotEnforced)
	}
	c.log.Warn("dry run: endpoint is NOT enforced", "endpoint", a.Endpoint.ID,
		"namespace", a.Endpoint.Namespace, "name", a.Endpoint.Name, "labels", a.Endpoint.Labels,
		"ports", a.Endpoint.Ports, "addresses", a.Endpoint.Addresses, "link", a.HostInterface)
	_, err = io.WriteString(c.stderr, text)
	return err
}

// undo takes back an ADD whose result nobody received.
func (c *call) undo(reason error) {
	if !c.attached {
		return
	}
	c.log.Warn("ADD is undone", "reason", reason)
	c.logError("undo", c.takeBack())
}

func (c *call) logError(what string, err error) {
	if err != nil {
		c.log.Error(what, "error", err)
	}
}
