// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Port is the host's side of a container's interface.
type Port struct {
	// Name and Index are of the host's end.
	Name  string
	Index int
	// Kind is always "veth": anything else is ErrUnenforceable.
	Kind string
	// Bridge is the bridge that the host's end is a port of; empty means routed.
	Bridge string
	// Isolated is the port's isolation flag.
	Isolated bool
	// MAC is the hardware address of the container's end.
	MAC net.HardwareAddr
	// Addresses are those of the container's end at this moment, link-local ones included. The
	// container may change them: good for cross-checks, never as an identity.
	Addresses []netip.Addr
}

// ErrUnenforceable marks an interface whose packets do not pass the host's hooks.
var ErrUnenforceable = errors.New("policy cannot be enforced")

// UnenforceableError is ErrUnenforceable with its reason.
type UnenforceableError struct {
	Interface string
	// Kind is the kernel's kind of the link that stands in the way; empty for hardware.
	Kind string
	Why  string
}

// Error returns "interface eth0 (macvlan): policy cannot be enforced: WHY".
func (e *UnenforceableError) Error() string {
	kind := e.Kind
	if kind == "" {
		kind = "physical"
	}
	return fmt.Sprintf("interface %s (%s): %v: %s", e.Interface, kind, ErrUnenforceable, e.Why)
}

// Is makes errors.Is(err, ErrUnenforceable) true.
func (e *UnenforceableError) Is(target error) bool { return target == ErrUnenforceable }

// FindPort returns the host's side of an interface inside a container's network namespace,
// given as a path. Both ends are asked and must name each other, because an interface index
// alone means something else in every namespace. The error is fs.ErrNotExist if the namespace
// or the interface is gone, and ErrUnenforceable if the interface is no veth to this host.
func (c *Conn) FindPort(netns, ifname string) (Port, error) {
	ns, err := openContainer(netns)
	if err != nil {
		return Port{}, fmt.Errorf("container: %w", err)
	}
	defer ns.Close()
	inner := &socket{family: unix.NETLINK_ROUTE, ns: int(ns.Fd())}
	defer inner.close()

	a, err := byName(inner, ifname)
	if err != nil {
		return Port{}, fmt.Errorf("container interface %s: %w", ifname, err)
	}
	host, err := c.hostEnd(inner, ns, a)
	if err != nil {
		return Port{}, err
	}
	if err := enforceableMaster(ifname, host); err != nil {
		return Port{}, err
	}
	l, err := c.describe(host)
	if err != nil {
		return Port{}, fmt.Errorf("host link %s: %w", host.name, err)
	}
	addresses, err := listAddresses(inner, a.index)
	if err != nil {
		return Port{}, fmt.Errorf("addresses of %s: %w", ifname, err)
	}
	return Port{Name: l.Name, Index: l.Index, Kind: l.Kind, Bridge: l.Bridge,
		Isolated: l.Isolated, MAC: a.mac, Addresses: addresses}, nil
}

// hostEnd returns the host's link that is the peer of a.
func (c *Conn) hostEnd(inner *socket, ns *os.File, a attrs) (attrs, error) {
	if a.kind != kindVeth {
		return attrs{}, &UnenforceableError{Interface: a.name, Kind: a.kind,
			Why: "only veth pairs pass the host's packet filter"}
	}
	hostID, err := namespaceID(inner, c.ns)
	if err != nil {
		return attrs{}, fmt.Errorf("host namespace seen from the container: %w", err)
	}
	if a.peerNS == noNetNS || a.peerNS != hostID {
		return attrs{}, &UnenforceableError{Interface: a.name, Kind: a.kind,
			Why: "its other end is not in the host's network namespace"}
	}
	host, err := byIndex(c.route, a.peer)
	if err != nil {
		return attrs{}, fmt.Errorf("host end of %s, index %d: %w", a.name, a.peer, err)
	}
	containerID, err := namespaceID(c.route, ns)
	if err != nil {
		return attrs{}, fmt.Errorf("container namespace seen from the host: %w", err)
	}
	if host.kind != kindVeth || host.peer != a.index || host.peerNS != containerID {
		return attrs{}, fmt.Errorf("host link %s: not the other end of %s", host.name, a.name)
	}
	return host, nil
}

// enforceableMaster refuses ports of Open vSwitch, bonds and VRFs: their packets reach the hooks
// under another name or never.
func enforceableMaster(ifname string, host attrs) error {
	if host.master == 0 || host.masterKind == kindBridge {
		return nil
	}
	return &UnenforceableError{Interface: ifname, Kind: host.masterKind,
		Why: fmt.Sprintf("host link %s is a port of something that is not a bridge", host.name)}
}

// openContainer opens a network namespace by path. The file is not trusted to be one: a
// netlink socket would otherwise open wherever setns happened to fail.
func openContainer(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		f.Close()
		return nil, os.NewSyscallError("fstatfs", err)
	}
	if st.Type == unix.NSFS_MAGIC {
		return f, nil
	}
	f.Close()
	if st.Type == unix.TMPFS_MAGIC {
		// The file that "ip netns" mounts on stays behind when the namespace is unmounted.
		return nil, fmt.Errorf("%s: no namespace is mounted there: %w", path, fs.ErrNotExist)
	}
	return nil, fmt.Errorf("%s: not a network namespace", path)
}

// namespaceID returns the id that the socket's namespace has for another one, or noNetNS.
func namespaceID(s *socket, ns *os.File) (int, error) {
	fd := binary.NativeEndian.AppendUint32(nil, uint32(ns.Fd()))
	replies, err := s.request(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETNSID, Flags: netlink.Request},
		Data:   append(make([]byte, 4), attribute(unix.NETNSA_FD, fd)...),
	})
	if err != nil {
		return 0, err
	}
	for _, r := range replies {
		if len(r.Data) < 4 {
			continue
		}
		for kind, v := range attributes(r.Data[4:]) {
			if kind == unix.NETNSA_NSID {
				return number(v), nil
			}
		}
	}
	return noNetNS, nil
}

func listAddresses(s *socket, index int) ([]netip.Addr, error) {
	var found []netip.Addr
	err := s.dump(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETADDR},
		Data:   make([]byte, unix.SizeofIfAddrmsg),
	}, func() { found = nil }, func(b []byte) {
		if a, i := parseAddress(b); i == index && a.IsValid() {
			found = append(found, a)
		}
	})
	return found, err
}
