// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"
)

// icmpWatch sees the ICMP errors that answer one probe.
type icmpWatch struct {
	conn  net.PacketConn
	dst   netip.Addr
	proto uint8
	// port is the probe's destination port; 0 for protocols without.
	port uint16
}

// watchICMP must run inside the namespace of the probe, before it sends.
func watchICMP(dst netip.Addr, proto uint8, port uint16) (*icmpWatch, error) {
	network, any := "ip4:1", "0.0.0.0"
	if dst.Is6() {
		network, any = "ip6:58", "::"
	}
	conn, err := net.ListenPacket(network, any)
	if err != nil {
		return nil, err
	}
	return &icmpWatch{conn: conn, dst: dst.WithZone(""), proto: proto, port: port}, nil
}

// icmpGrace is how long an error that the kernel already reported to the probe's own socket
// may take to be read from the watch; both were queued by the same packet.
const icmpGrace = 10 * time.Millisecond

// seen returns the outcome of the ICMP errors received so far, or nil for none.
func (w *icmpWatch) seen() error {
	w.conn.SetReadDeadline(time.Now().Add(icmpGrace))
	buf := make([]byte, 2048)
	for {
		n, _, err := w.conn.ReadFrom(buf)
		if err != nil {
			return nil
		}
		if o := w.match(buf[:n]); o != nil {
			return o
		}
	}
}

func (w *icmpWatch) match(b []byte) error {
	if len(b) < 8 {
		return nil
	}
	kind, code, inner := b[0], b[1], b[8:]
	if w.dst.Is6() {
		if kind != 1 || len(inner) < 44 || inner[6] != w.proto {
			return nil
		}
		if !w.quotes(inner[24:40], inner[40:]) {
			return nil
		}
		return unreachable6(code)
	}
	if kind != 3 || len(inner) < 24 || inner[9] != w.proto {
		return nil
	}
	header := int(inner[0]&0xf) * 4
	if len(inner) < header+4 || !w.quotes(inner[16:20], inner[header:]) {
		return nil
	}
	return unreachable4(code)
}

func (w *icmpWatch) quotes(dst, transport []byte) bool {
	a, _ := netip.AddrFromSlice(dst)
	port := binary.BigEndian.Uint16(transport[2:4])
	return a == w.dst && (w.port == 0 || w.port == port)
}

func unreachable4(code byte) error {
	switch code {
	case 3:
		return ErrPortUnreachable
	case 9, 10, 13:
		return ErrProhibited
	}
	return ErrUnreachable
}

func unreachable6(code byte) error {
	switch code {
	case 4:
		return ErrPortUnreachable
	case 1:
		return ErrProhibited
	}
	return ErrUnreachable
}

func (w *icmpWatch) close() { w.conn.Close() }
