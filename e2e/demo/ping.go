// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// errProhibited is an ICMP answer that the way is closed.
var errProhibited = errors.New("destination unreachable")

// pings numbers the echo requests of this process.
var pings atomic.Uint32

// family is what differs between ICMP of IPv4 and IPv6.
type family struct {
	network, local string
	request, reply icmp.Type
	unreachable    icmp.Type
	protocol       int
	header         int // of the IP packet that an error quotes
}

func familyOf(a netip.Addr) family {
	if a.Is4() {
		return family{"ip4:icmp", "0.0.0.0", ipv4.ICMPTypeEcho, ipv4.ICMPTypeEchoReply,
			ipv4.ICMPTypeDestinationUnreachable, 1, 20}
	}
	return family{"ip6:ipv6-icmp", "::", ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply,
		ipv6.ICMPTypeDestinationUnreachable, 58, 40}
}

// sendPing sends an echo request and waits for its reply, or for an error about it.
func sendPing(to netip.Addr) error {
	f := familyOf(to)
	c, err := icmp.ListenPacket(f.network, f.local)
	if err != nil {
		return err
	}
	defer c.Close()
	id := uint16(pings.Add(1))
	message := icmp.Message{Type: f.request, Body: &icmp.Echo{ID: int(id), Seq: 1,
		Data: []byte("echo")}}
	packet, err := message.Marshal(nil) // the kernel adds the checksum of IPv6
	if err != nil {
		return err
	}
	if _, err := c.WriteTo(packet, &net.IPAddr{IP: to.AsSlice()}); err != nil {
		return err
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	buffer := make([]byte, 1500)
	for {
		n, _, err := c.ReadFrom(buffer)
		if err != nil {
			return err
		}
		if answered, err := f.answer(buffer[:n], id); answered {
			return err
		}
	}
}

// answer tells whether a message is about our request: a raw socket hears all of them.
func (f family) answer(packet []byte, id uint16) (bool, error) {
	m, err := icmp.ParseMessage(f.protocol, packet)
	if err != nil {
		return false, nil
	}
	switch body := m.Body.(type) {
	case *icmp.Echo:
		return m.Type == f.reply && body.ID == int(id), nil
	case *icmp.DstUnreach:
		const idOffset = 4
		at := f.header + idOffset
		ours := m.Type == f.unreachable && len(body.Data) >= at+2 &&
			binary.BigEndian.Uint16(body.Data[at:]) == id
		return ours, errProhibited
	}
	return false, nil
}
