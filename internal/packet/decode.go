// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// LinkKind says with what the bytes of a packet begin.
type LinkKind uint8

// The kinds.
const (
	// LinkIP is an IPv4 or IPv6 header, which says itself which of them.
	LinkIP LinkKind = iota
	// LinkEthernet is an Ethernet header.
	LinkEthernet
)

// ErrMalformed says that a header contradicts itself.
var ErrMalformed = errors.New("malformed")

// Decode reads the headers of the packet in b, which it does not keep. An error matches
// ErrMalformed; what was read before is returned with it.
func Decode(kind LinkKind, b []byte) (p Packet, err error) {
	if kind == LinkEthernet {
		err = p.frame(b)
		return p, err
	}
	err = p.ip(b, 0)
	switch p.Version {
	case 4:
		p.EtherType = EtherIPv4
	case 6:
		p.EtherType = EtherIPv6
	}
	return p, err
}

// DecodeNetwork reads the headers of a frame without its Ethernet header: etherType is the one
// that stands in front of b.
func DecodeNetwork(etherType uint16, b []byte) (p Packet, err error) {
	p.EtherType = etherType
	err = p.network(b, 0)
	return p, err
}

func (p *Packet) frame(b []byte) error {
	const header = 14
	if len(b) < header {
		p.Truncated = true
		return nil
	}
	copy(p.EtherDst[:], b)
	copy(p.EtherSrc[:], b[6:])
	p.EtherType = binary.BigEndian.Uint16(b[12:])
	return p.network(b, header)
}

// maxTags is how many tags are taken off; what has more keeps the type of a tag.
const maxTags = 2

// network reads what EtherType announces at a place in b.
func (p *Packet) network(b []byte, at int) error {
	for p.EtherType == EtherVLAN || p.EtherType == EtherQinQ {
		if p.Tags == maxTags {
			return nil
		}
		if len(b) < at+4 {
			p.EtherType = 0
			p.Truncated = true
			return nil
		}
		if p.Tags == 0 {
			p.VLAN = binary.BigEndian.Uint16(b[at:]) & 0xfff
		}
		p.Tags++
		p.EtherType = binary.BigEndian.Uint16(b[at+2:])
		at += 4
	}
	switch p.EtherType {
	case EtherARP:
		p.arp(b[at:])
	case EtherIPv4, EtherIPv6:
		return p.network4or6(b, at)
	}
	return nil
}

// network4or6 reads the IP packet of a frame that has told which version it is.
func (p *Packet) network4or6(b []byte, at int) error {
	want := uint8(4)
	if p.EtherType == EtherIPv6 {
		want = 6
	}
	if len(b) > at && b[at]>>4 != want {
		return fmt.Errorf("byte %d: IP version %d in a frame of type %#04x: %w", at, b[at]>>4,
			p.EtherType, ErrMalformed)
	}
	return p.ip(b, at)
}

// ip reads an IP packet and the packet that it quotes.
func (p *Packet) ip(b []byte, at int) error {
	b, at, err := p.IP.read(b, at)
	p.Truncated = p.IP.Truncated
	if err != nil || !p.Transport || !p.quotes() {
		return err
	}
	const header = 8
	if len(b) <= at+header {
		p.Truncated = true
		return nil
	}
	if _, _, err := p.Inner.read(b, at+header); err != nil {
		return fmt.Errorf("quoted packet: %w", err)
	}
	return nil
}

// quotes tells whether this is an ICMP error that quotes the packet it is about.
func (h *IP) quotes() bool {
	switch h.Proto {
	case ICMP:
		switch h.ICMPType {
		case 3, 4, 5, 11, 12:
			return true
		}
	case ICMPv6:
		return h.ICMPType < 128
	}
	return false
}
