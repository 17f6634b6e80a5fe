// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

func listenSCTP(v6 bool, local netip.Addr) (*net.IPConn, error) {
	network := "ip4:132"
	if v6 {
		network = "ip6:132"
	}
	addr := &net.IPAddr{}
	if local.IsValid() && !local.IsUnspecified() {
		addr.IP = local.AsSlice()
	}
	return net.ListenIP(network, addr)
}

// sctp serves both families; each has a raw socket of its own.
func (s *Server) sctp(port uint16) (io.Closer, error) {
	open := &closers{}
	for _, v6 := range []bool{false, true} {
		c, err := listenSCTP(v6, netip.Addr{})
		if err != nil {
			open.Close()
			return nil, err
		}
		open.add(c)
		if err := wantDestination(c, v6); err != nil {
			open.Close()
			return nil, err
		}
		go s.associations(c, port)
	}
	return open, nil
}

const serverTag = 0x62756c6b

func (s *Server) associations(c *net.IPConn, port uint16) {
	tags := map[netip.AddrPort]uint32{}
	buf, oob := make([]byte, 65536), make([]byte, 256)
	for {
		n, m, _, from, err := c.ReadMsgIP(buf, oob)
		if err != nil {
			return
		}
		in, ok := parseSegment(withoutHeader(buf[:n], from.IP))
		if !ok || in.dst != port {
			continue
		}
		ip, _ := netip.AddrFromSlice(from.IP)
		peer := netip.AddrPortFrom(ip.Unmap(), in.src)
		out := segment{src: port, dst: in.src, tag: tags[peer]}
		switch {
		case in.kind == chunkInit && len(in.body) >= initSize:
			tags[peer] = binary.BigEndian.Uint32(in.body)
			out.tag, out.kind = tags[peer], chunkInitAck
			out.body = append(initBody(serverTag), cookieParameter()...)
		case in.kind == chunkCookieEcho:
			out.kind = chunkCookieAck
		case in.kind == chunkData && len(in.body) > dataSize:
			s.record(peer, in.body[dataSize:])
			out.kind, out.body = chunkData, in.body
		default:
			continue
		}
		// As for UDP: the answer comes from the address that was asked.
		c.WriteMsgIP(out.bytes(), answerFrom(oob[:m], from.IP), from)
	}
}

// withoutHeader is the payload of what a raw socket received: for IPv4 the header stands in
// front of it.
func withoutHeader(b []byte, from net.IP) []byte {
	if from.To4() == nil || len(b) == 0 {
		return b
	}
	return b[min(len(b), int(b[0]&0xf)*4):]
}

// answerFrom turns the received control message into one to send. For IPv4 the kernel delivers
// the interface too, and an answer that is bound to it would not follow its route.
func answerFrom(oob []byte, from net.IP) []byte {
	if from.To4() == nil {
		return oob
	}
	header := unix.CmsgLen(0)
	if len(oob) < header+unix.SizeofInet4Pktinfo {
		return nil
	}
	out := append([]byte(nil), oob...)
	clear(out[header : header+4])
	return out
}
