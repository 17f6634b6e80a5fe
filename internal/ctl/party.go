// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/link"
)

// router is what explain asks about the host's links and routes.
type router interface {
	RouteTo(netip.Addr) (link.Route, error)
	HostLink(name string) (link.Link, error)
	BridgeNetfilter(bridge string) (v4, v6 bool, err error)
}

// party is one side of a flow as the command line names it.
type party struct {
	// attachment is that of an endpoint; nil for the host and the world.
	attachment *endpoint.Attachment
	host       bool
	// addr is the address that was given; invalid for a name, which may have several.
	addr netip.Addr
}

// find understands a party: host, an address, namespace/name[@interface], or the beginning of
// an id.
func (v view) find(text string, r router) (party, error) {
	if text == "host" {
		return party{host: true}, nil
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		return v.findAddress(addr.Unmap(), r)
	}
	found, err := v.findName(text)
	if found == nil && err == nil {
		err = fmt.Errorf("no endpoint %q; bulkheadctl endpoints lists them, other parties are "+
			"host and addresses", text)
	}
	return party{attachment: found}, err
}

// endpoint understands a party that must be an endpoint. What explain takes for the node is none.
func (v view) endpoint(text string) (*endpoint.Attachment, error) {
	var found *endpoint.Attachment
	var err error
	if addr, aerr := netip.ParseAddr(text); aerr == nil {
		found = v.holder(addr.Unmap())
	} else if text != "host" {
		found, err = v.findName(text)
	}
	if found == nil && err == nil {
		err = fmt.Errorf("no endpoint %q; bulkheadctl endpoints lists them", text)
	}
	return found, err
}

// findName is the one attachment with that name or beginning of an id, nil if there is none.
func (v view) findName(text string) (*endpoint.Attachment, error) {
	if found, err := v.only(text, v.named(text)); found != nil || err != nil {
		return found, err
	}
	return v.only(text, v.withID(text))
}

// holder is the attachment that has the address, nil if none has.
func (v view) holder(addr netip.Addr) *endpoint.Attachment {
	for i := range v.attachments {
		if slices.Contains(v.attachments[i].Endpoint.Addresses, addr) {
			return &v.attachments[i]
		}
	}
	return nil
}

// findAddress settles whose address it is: an endpoint's, the node's own, or the world's.
func (v view) findAddress(addr netip.Addr, r router) (party, error) {
	if addr.Zone() != "" {
		return party{}, fmt.Errorf("address %s: without its zone, please", addr)
	}
	if a := v.holder(addr); a != nil {
		return party{attachment: a, addr: addr}, nil
	}
	route, err := r.RouteTo(addr)
	return party{addr: addr, host: err == nil && route.Local}, nil
}

// title is the endpoint's name with its interface.
func title(a *endpoint.Attachment) string {
	return a.Endpoint.String() + "@" + a.Endpoint.Interface
}

// named are the attachments of namespace/name, on one interface if it is given.
func (v view) named(text string) []*endpoint.Attachment {
	name, face, one := strings.Cut(text, "@")
	return v.all(func(a *endpoint.Attachment) bool {
		return a.Endpoint.String() == name && (!one || a.Endpoint.Interface == face)
	})
}

// withID are the attachments whose id begins so.
func (v view) withID(text string) []*endpoint.Attachment {
	if text == "" {
		return nil
	}
	return v.all(func(a *endpoint.Attachment) bool {
		return strings.HasPrefix(a.Endpoint.ID, text)
	})
}

func (v view) all(match func(*endpoint.Attachment) bool) []*endpoint.Attachment {
	var found []*endpoint.Attachment
	for i := range v.attachments {
		if match(&v.attachments[i]) {
			found = append(found, &v.attachments[i])
		}
	}
	return found
}

// only insists on one attachment: an answer about the wrong one would be worse than none.
func (v view) only(text string, found []*endpoint.Attachment) (*endpoint.Attachment, error) {
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	}
	var names []string
	for _, a := range found {
		names = append(names, fmt.Sprintf("%s (%s)", title(a), a.Endpoint.ID))
	}
	return nil, fmt.Errorf("%q is not one endpoint but %d: %s", text, len(found),
		strings.Join(names, ", "))
}
