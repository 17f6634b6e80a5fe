// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// forgetRounds bounds the passes of one call. The second normally finds nothing; a peer that
// keeps sending through an open path makes new entries, and then the caller must know.
const forgetRounds = 5

// ErrStillTracked says that matching entries appeared as fast as they were deleted.
var ErrStillTracked = errors.New("conntrack entries keep coming back")

// ForgetAddress deletes every conntrack entry, in any zone, that has one of the addresses as
// source or destination of its original or its reply tuple: an address translated entry has a
// container's address in the reply tuple alone. It returns how many it deleted, and nil only
// after a dump without any.
func (c *Conn) ForgetAddress(addrs []netip.Addr) (int, error) {
	if len(addrs) == 0 {
		return 0, nil
	}
	wanted := make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		wanted[a.Unmap().WithZone("")] = true
	}
	n, err := c.forget(func() ([]entry, bool, error) {
		found, err := c.findAddresses(wanted)
		return found, false, err
	}, c.deleteEach)
	if err != nil {
		return n, fmt.Errorf("conntrack: forget %v: %w", addrs, err)
	}
	return n, nil
}

// ForgetMark deletes every conntrack entry whose mark, cut to mask, equals mark, in one pass
// of the kernel. It returns how many it deleted, and nil only after a dump without any. A
// mask of 0, which would match every entry of the host, is an error.
func (c *Conn) ForgetMark(mark, mask uint32) (int, error) {
	if mask == 0 || mark&^mask != 0 {
		return 0, fmt.Errorf("conntrack: forget mark %#x/%#x: mark outside of mask", mark, mask)
	}
	filter := append(attribute(ctaMark, be32(mark)), attribute(ctaMarkMask, be32(mask))...)
	match := func(e entry) bool { return e.mark&mask == mark }
	n, err := c.forget(func() ([]entry, bool, error) {
		found, others, err := c.find(unix.AF_UNSPEC, filter, match)
		return found, others == 0, err
	}, func(found []entry, filtered bool) (int, error) {
		if !filtered {
			// A kernel that ignores the filter in a dump would flush everything here.
			return c.deleteEach(found, filtered)
		}
		return len(found), c.remove(unix.AF_UNSPEC, filter)
	})
	if err != nil {
		return n, fmt.Errorf("conntrack: forget mark %#x/%#x: %w", mark, mask, err)
	}
	return n, nil
}

// ForgetMarked deletes every conntrack entry whose mark has any bit of mask: what a former life
// of ours may have left behind. Nil is returned only after a dump without any.
func (c *Conn) ForgetMarked(mask uint32) (int, error) {
	if mask == 0 {
		return 0, errors.New("conntrack: forget marked: mask is 0")
	}
	n, err := c.forget(func() ([]entry, bool, error) {
		found, _, err := c.find(unix.AF_UNSPEC, nil, func(e entry) bool { return e.mark&mask != 0 })
		return found, false, err
	}, c.deleteEach)
	if err != nil {
		return n, fmt.Errorf("conntrack: forget marked %#x: %w", mask, err)
	}
	return n, nil
}

// forget searches, deletes what was found and searches again until nothing is. Deleting is
// told whether the kernel's filter let nothing else through.
func (c *Conn) forget(search func() (found []entry, filtered bool, err error),
	remove func(found []entry, filtered bool) (int, error)) (int, error) {
	total := 0
	for range forgetRounds {
		found, filtered, err := search()
		if err != nil || len(found) == 0 {
			return total, err
		}
		n, err := remove(found, filtered)
		total += n
		if err != nil {
			return total, err
		}
	}
	found, _, err := search()
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("%d entries after %d rounds: %w", len(found), forgetRounds,
			ErrStillTracked)
	}
	return total, err
}

// deleteEach deletes the entries one by one. Each is named by its id too, so that a new flow
// with the same tuple is not taken for it.
func (c *Conn) deleteEach(found []entry, _ bool) (int, error) {
	n := 0
	for _, e := range found {
		err := c.remove(e.family, e.name())
		if errors.Is(err, unix.ENOENT) {
			continue // it expired meanwhile
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (c *Conn) remove(family byte, what []byte) error {
	return c.delete(nfHeader(family), what)
}

// removeFiltered deletes what a filter of one family matches. A header of version 0 would say
// that the filter is for all families, and then it can hold no address.
func (c *Conn) removeFiltered(family byte, filter []byte) error {
	return c.delete([]byte{family, 1, 0, 0}, filter)
}

func (c *Conn) delete(header, what []byte) error {
	_, err := c.conntrack.request(netlink.Message{
		Header: netlink.Header{Type: ctDelete, Flags: netlink.Request | netlink.Acknowledge},
		Data:   append(header, what...),
	})
	return err
}
