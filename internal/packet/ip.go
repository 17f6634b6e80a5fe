// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// read reads the IP header at a place in b and the header behind it. It returns b without what
// follows the packet, and the place of the header behind.
func (h *IP) read(b []byte, at int) ([]byte, int, error) {
	if len(b) <= at {
		h.Truncated = true
		return b, at, nil
	}
	var err error
	switch version := b[at] >> 4; version {
	case 4:
		b, at, err = h.header4(b, at)
	case 6:
		b, at, err = h.header6(b, at)
	default:
		err = fmt.Errorf("byte %d: IP version %d: %w", at, version, ErrMalformed)
	}
	if err == nil && !h.Truncated && h.Offset == 0 {
		h.transport(b[at:])
	}
	return b, at, err
}

func (h *IP) header4(b []byte, at int) ([]byte, int, error) {
	const shortest = 20
	h.Version = 4
	if len(b) < at+shortest {
		h.Truncated = true
		return b, at, nil
	}
	length := int(b[at]&0xf) * 4
	total := int(binary.BigEndian.Uint16(b[at+2:]))
	h.Length = uint32(total)
	h.Src = netip.AddrFrom4([4]byte(b[at+12:]))
	h.Dst = netip.AddrFrom4([4]byte(b[at+16:]))
	h.Proto = b[at+9]
	fragment := binary.BigEndian.Uint16(b[at+6:])
	h.Offset = fragment & 0x1fff * 8
	h.Fragment = fragment&0x3fff != 0
	h.Options = length > shortest
	switch {
	case length < shortest:
		return b, at, fmt.Errorf("byte %d: IPv4 header of %d bytes: %w", at, length, ErrMalformed)
	case total != 0 && total < length:
		return b, at, fmt.Errorf("byte %d: IPv4 packet of %d bytes with a header of %d: %w", at+2,
			total, length, ErrMalformed)
	case total != 0: // the kernel joins segments to packets whose length does not fit: 0
		b = b[:min(len(b), at+total)]
	}
	if len(b) < at+length {
		h.Truncated = true
		return b, at, nil
	}
	return b, at + length, nil
}

func (h *IP) header6(b []byte, at int) ([]byte, int, error) {
	const header = 40
	h.Version = 6
	if len(b) < at+header {
		h.Truncated = true
		return b, at, nil
	}
	h.Src = netip.AddrFrom16([16]byte(b[at+8:]))
	h.Dst = netip.AddrFrom16([16]byte(b[at+24:]))
	// A length of zero is a jumbogram's.
	if payload := int(binary.BigEndian.Uint16(b[at+4:])); payload != 0 {
		h.Length = uint32(header + payload)
		b = b[:min(len(b), at+header+payload)]
	}
	at, err := h.extensions(b, at+header, b[at+6])
	return b, at, err
}

// maxExtensions is far more than anybody sends; the kernel's log would not hold them.
const maxExtensions = 8

// The extension headers that the kernel looks behind.
const (
	hopByHop       = 0
	routing        = 43
	fragment       = 44
	authentication = 51
	destination    = 60
)

// extensions steps over extension headers, the first of which is next, and returns the place
// behind them.
func (h *IP) extensions(b []byte, at int, next uint8) (int, error) {
	for n := 0; isExtension(next); n++ {
		h.Routing = h.Routing || next == routing
		switch {
		case n == maxExtensions:
			return at, fmt.Errorf("byte %d: more than %d extension headers: %w", at,
				maxExtensions, ErrMalformed)
		case len(b) < at+8:
			h.Truncated = true
			return at, nil
		case next == fragment:
			h.Fragment = true
			h.Offset = binary.BigEndian.Uint16(b[at+2:]) &^ 7
		}
		length := extensionLength(next, b[at+1])
		next = b[at]
		at += length
		h.Truncated = at > len(b)
		if h.Offset != 0 || h.Truncated {
			// What is behind is not here. Its protocol is known if it is no extension header.
			if !isExtension(next) {
				h.Proto = next
			}
			return at, nil
		}
	}
	h.Proto = next
	return at, nil
}

func isExtension(proto uint8) bool {
	switch proto {
	case hopByHop, routing, fragment, authentication, destination:
		return true
	}
	return false
}

// extensionLength is the length in bytes of an extension header, by its second byte.
func extensionLength(proto, second uint8) int {
	switch proto {
	case fragment:
		return 8
	case authentication:
		return (int(second) + 2) * 4
	}
	return (int(second) + 1) * 8
}
