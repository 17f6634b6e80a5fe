// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	kindVeth   = "veth"
	kindBridge = "bridge"
)

// Link is a network interface of the host.
type Link struct {
	Name  string
	Index int
	MAC   net.HardwareAddr
	// Kind is the kernel's word for it ("veth", "bridge", "macvlan"); empty for hardware.
	Kind string
	// Bridge is the bridge that the link is a port of, or empty.
	Bridge string
	// Isolated says that the port may not talk to other isolated ports of its bridge.
	Isolated bool
	// Reserved says that the bridge treats frames to reserved group addresses as any other.
	Reserved bool
}

// HostLink returns the link of that name. The error is fs.ErrNotExist if there is none.
func (c *Conn) HostLink(name string) (Link, error) {
	a, err := byName(c.route, name)
	if err != nil {
		return Link{}, fmt.Errorf("link %s: %w", name, err)
	}
	l, err := c.describe(a)
	if err != nil {
		return Link{}, fmt.Errorf("link %s: %w", name, err)
	}
	return l, nil
}

// LinkExists reports whether the host has a link of that name.
func (c *Conn) LinkExists(name string) (bool, error) {
	_, err := byName(c.route, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("link %s: %w", name, err)
	}
	return true, nil
}

// ListBridges returns the names of all bridges, sorted.
func (c *Conn) ListBridges() ([]string, error) {
	all, err := list(c.route)
	if err != nil {
		return nil, fmt.Errorf("bridges: %w", err)
	}
	var names []string
	for _, a := range all {
		if a.kind == kindBridge {
			names = append(names, a.name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// BridgePorts returns the ports of a bridge, sorted by name.
func (c *Conn) BridgePorts(bridge string) ([]Link, error) {
	b, err := c.bridge(bridge)
	if err != nil {
		return nil, err
	}
	all, err := list(c.route)
	if err != nil {
		return nil, fmt.Errorf("ports of %s: %w", bridge, err)
	}
	var ports []Link
	for _, a := range all {
		if a.master == b.index {
			ports = append(ports, a.link(b.name))
		}
	}
	slices.SortFunc(ports, func(x, y Link) int { return strings.Compare(x.Name, y.Name) })
	return ports, nil
}

// bridge returns the link of that name if it is a bridge.
func (c *Conn) bridge(name string) (attrs, error) {
	a, err := byName(c.route, name)
	if err == nil && a.kind != kindBridge {
		err = fmt.Errorf("link of kind %q is not a bridge", a.kind)
	}
	if err != nil {
		return attrs{}, fmt.Errorf("bridge %s: %w", name, err)
	}
	return a, nil
}

// describe turns a into a Link, with the name of its bridge.
func (c *Conn) describe(a attrs) (Link, error) {
	if a.master == 0 || a.masterKind != kindBridge {
		return a.link(""), nil
	}
	master, err := byIndex(c.route, a.master)
	if err != nil {
		return Link{}, fmt.Errorf("bridge with index %d: %w", a.master, err)
	}
	return a.link(master.name), nil
}

func (a attrs) link(bridge string) Link {
	return Link{Name: a.name, Index: a.index, MAC: a.mac, Kind: a.kind,
		Bridge: bridge, Isolated: a.isolated, Reserved: a.groups == reservedGroups}
}

func byName(s *socket, name string) (attrs, error) {
	if name == "" || len(name) >= unix.IFNAMSIZ {
		return attrs{}, fs.ErrNotExist
	}
	a, err := one(s, 0, attribute(unix.IFLA_IFNAME, append([]byte(name), 0)))
	if err == nil && a.name != name {
		// The kernel also finds alternative names. Rules match the name proper.
		return attrs{}, fs.ErrNotExist
	}
	return a, err
}

func byIndex(s *socket, index int) (attrs, error) { return one(s, index, nil) }

func one(s *socket, index int, extra []byte) (attrs, error) {
	replies, err := s.request(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETLINK, Flags: netlink.Request},
		Data:   append(linkHeader(unix.AF_UNSPEC, index), extra...),
	})
	if errors.Is(err, unix.ENODEV) {
		return attrs{}, fs.ErrNotExist
	}
	if err != nil {
		return attrs{}, err
	}
	for _, r := range replies {
		if a, ok := parseLink(r.Data); ok {
			return a, nil
		}
	}
	return attrs{}, errors.New("no link in the kernel's reply")
}

func list(s *socket) ([]attrs, error) {
	var all []attrs
	err := s.dump(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETLINK},
		Data:   linkHeader(unix.AF_UNSPEC, 0),
	}, func() { all = nil }, func(b []byte) {
		if a, ok := parseLink(b); ok {
			all = append(all, a)
		}
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// linkHeader is a struct ifinfomsg.
func linkHeader(family byte, index int) []byte {
	b := make([]byte, unix.SizeofIfInfomsg)
	b[0] = family
	binary.NativeEndian.PutUint32(b[4:], uint32(index))
	return b
}

// attribute is one netlink attribute, padded; nested ones are payloads of each other.
func attribute(kind uint16, parts ...[]byte) []byte {
	b := make([]byte, unix.SizeofNlAttr)
	for _, p := range parts {
		b = append(b, p...)
	}
	binary.NativeEndian.PutUint16(b, uint16(len(b)))
	binary.NativeEndian.PutUint16(b[2:], kind)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
