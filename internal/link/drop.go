// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// DropAddress deletes every conntrack entry, in any zone, that has one of the addresses in any
// position of its tuples, as ForgetAddress does. IPv4 entries go in passes of the kernel
// itself: a dump takes a lock for every bucket of the table, empty or not, a deletion does not.
//
// It need not look again. Entries that arise meanwhile may stay, so the caller's rules must be
// in force before.
func (c *Conn) DropAddress(addrs []netip.Addr) error {
	six := map[netip.Addr]bool{}
	for _, a := range addrs {
		a = a.Unmap().WithZone("")
		if a.Is6() {
			six[a] = true
			continue
		}
		if err := c.dropFour(a); err != nil {
			return fmt.Errorf("conntrack: drop %v: %w", a, err)
		}
	}
	if len(six) == 0 {
		return nil
	}
	// Linux compares IPv6 addresses the wrong way round here (seen on 6.18): a deletion would
	// take everybody else's flows. The filter by family is right.
	_, err := c.forget(func() ([]entry, bool, error) {
		found, _, err := c.find(unix.AF_INET6, nil, func(e entry) bool { return e.involves(six) })
		return found, false, err
	}, c.deleteEach)
	if err != nil {
		return fmt.Errorf("conntrack: drop IPv6 of %v: %w", addrs, err)
	}
	return nil
}

// dropFour takes one pass for each position of a tuple. Kernels that know no filter here take
// the tuple for the name of one entry, which lacks a protocol, and refuse it; without a tuple
// they would flush all.
func (c *Conn) dropFour(a netip.Addr) error {
	for position := range 4 {
		err := c.removeFiltered(unix.AF_INET, addressFilter(a, position))
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
			_, err = c.ForgetAddress([]netip.Addr{a})
			return err
		}
		if err != nil {
			return err
		}
	}
	return nil
}
