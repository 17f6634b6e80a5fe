// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// filteredAddresses is up to how many addresses the kernel is asked one by one. It walks its
// table four times for each; one full dump costs about as much as sixteen walks.
const filteredAddresses = 4

// find returns the entries that match, and the number of those that do not.
func (c *Conn) find(family byte, filter []byte, match func(entry) bool) (
	found []entry, others int, err error) {
	err = c.conntrack.dump(netlink.Message{
		Header: netlink.Header{Type: ctGet},
		Data:   append(nfHeader(family), filter...),
	}, func() { found, others = nil, 0 }, func(b []byte) {
		e, ok := parseEntry(b)
		if ok && match(e) {
			found = append(found, e.clone())
			return
		}
		others++
	})
	return found, others, err
}

// findAddresses returns every entry with one of the addresses in any tuple position. Kernels
// before 5.8 have no address filter: they ignore it or refuse it, and then all entries are
// looked at here.
func (c *Conn) findAddresses(wanted map[netip.Addr]bool) ([]entry, error) {
	match := func(e entry) bool { return e.involves(wanted) }
	all := func() ([]entry, error) {
		found, _, err := c.find(unix.AF_UNSPEC, nil, match)
		return found, err
	}
	if len(wanted) > filteredAddresses {
		return all()
	}
	var found []entry
	seen := map[string]bool{}
	for a := range wanted {
		for position := range 4 {
			some, others, err := c.find(addressFamily(a), addressFilter(a, position), match)
			if others > 0 || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
				return all()
			}
			if err != nil {
				return nil, err
			}
			for _, e := range some {
				if key := string(e.name()); !seen[key] {
					seen[key] = true
					found = append(found, e)
				}
			}
		}
	}
	return found, nil
}

func addressFamily(a netip.Addr) byte {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// addressFilter asks for one tuple position: 0 and 1 are source and destination of the
// original tuple, 2 and 3 of the reply.
func addressFilter(a netip.Addr, position int) []byte {
	side := uint16(position % 2)
	ip := ctaV4Src + side
	if a.Is6() {
		ip += 2
	}
	// The flags of linux's nf_internals.h: 1 compares the source, 2 the destination, and no
	// flag leaves protocol and ports open.
	flags := binary.NativeEndian.AppendUint32(nil, 1<<side)
	tuple := uint16(ctaTupleOrig + position/2)
	return append(
		attribute(tuple|unix.NLA_F_NESTED,
			attribute(ctaTupleIP|unix.NLA_F_NESTED, attribute(ip, a.AsSlice()))),
		attribute(ctaFilter|unix.NLA_F_NESTED, attribute(tuple, flags))...)
}
