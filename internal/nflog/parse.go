// SPDX-License-Identifier: Apache-2.0

package nflog

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"
)

// generic is the length of struct nfgenmsg, which stands in front of the attributes.
const generic = 4

// parser turns datagrams into messages, which it uses again.
type parser struct {
	group    uint16
	messages []Message
	prefixes map[string]string
}

// datagram reads all messages of a datagram, which was received now. It returns false if one of
// them cannot be read; the ones before are there.
func (p *parser) datagram(b []byte, now time.Time) bool {
	p.messages = p.messages[:0]
	for len(b) > 0 {
		if len(b) < unix.SizeofNlMsghdr {
			return false
		}
		n := int(binary.NativeEndian.Uint32(b))
		if n < unix.SizeofNlMsghdr || n > len(b) {
			return false
		}
		// What is not a packet is the mark behind the last one.
		if binary.NativeEndian.Uint16(b[4:]) == typePacket &&
			!p.packet(b[unix.SizeofNlMsghdr:n], now) {
			return false
		}
		b = b[min(len(b), (n+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1)):]
	}
	return true
}

// packet reads one message behind its netlink header.
func (p *parser) packet(b []byte, now time.Time) bool {
	if len(b) < generic || binary.BigEndian.Uint16(b[2:]) != p.group {
		return false
	}
	p.messages = append(p.messages, Message{Family: b[0], Time: now})
	m := &p.messages[len(p.messages)-1]
	rest := attrs(b[generic:])
	for {
		typ, data, ok := rest.next()
		if !ok {
			break
		}
		if !p.attribute(m, typ, data) {
			p.messages = p.messages[:len(p.messages)-1]
			return false
		}
	}
	if len(rest) > 0 {
		p.messages = p.messages[:len(p.messages)-1]
		return false
	}
	return true
}

func (p *parser) attribute(m *Message, typ uint16, b []byte) bool {
	switch typ {
	case attrPacketHeader:
		return m.setHeader(b)
	case attrPrefix:
		m.Prefix = p.prefix(b)
	case attrPayload:
		m.Payload = b
	case attrTimestamp:
		return m.setTime(b)
	case attrSeq:
		m.HasSeq = true
		return setU32(&m.Seq, b)
	case attrMark:
		return setU32(&m.Mark, b)
	case attrInDev:
		return setU32(&m.InDev, b)
	case attrOutDev:
		return setU32(&m.OutDev, b)
	case attrPhysIn:
		return setU32(&m.PhysIn, b)
	case attrPhysOut:
		return setU32(&m.PhysOut, b)
	case attrUID:
		m.HasUID = true
		return setU32(&m.UID, b)
	case attrHWAddr:
		return m.setHWAddr(b)
	case attrHWType:
		return setU16(&m.LinkType, b)
	case attrHWHeader:
		m.Link = b
	case attrL2Header: // of a bridge, which carries nothing but Ethernet
		m.Link, m.LinkType = b, linkEthernet
	case attrVLAN:
		return m.setVLAN(b)
	case attrCT:
		return m.Conntrack.set(b)
	case attrCTInfo:
		return m.Conntrack.setInfo(b)
	}
	return true
}

// maxPrefixes bounds what is kept: rules come and go, and their prefixes with them.
const maxPrefixes = 4096

// prefix is a string without its terminating zero. The same few come again and again.
func (p *parser) prefix(b []byte) string {
	if n := len(b); n > 0 && b[n-1] == 0 {
		b = b[:n-1]
	}
	if s, ok := p.prefixes[string(b)]; ok {
		return s
	}
	if p.prefixes == nil || len(p.prefixes) >= maxPrefixes {
		p.prefixes = map[string]string{}
	}
	s := string(b)
	p.prefixes[s] = s
	return s
}

func (m *Message) setVLAN(b []byte) bool {
	for rest := attrs(b); ; {
		typ, data, ok := rest.next()
		switch {
		case !ok:
			return len(rest) == 0
		case typ == vlanProto:
			ok = setU16(&m.VLANType, data)
		case typ == vlanTCI:
			ok = setU16(&m.VLAN, data)
		}
		if !ok {
			return false
		}
	}
}
