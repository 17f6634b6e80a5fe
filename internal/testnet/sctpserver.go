// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
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
		go s.associations(c, port)
	}
	return open, nil
}

const serverTag = 0x62756c6b

func (s *Server) associations(c *net.IPConn, port uint16) {
	tags := map[netip.AddrPort]uint32{}
	buf := make([]byte, 65536)
	for {
		n, from, err := c.ReadFromIP(buf)
		if err != nil {
			return
		}
		in, ok := parseSegment(buf[:n])
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
		c.WriteToIP(out.bytes(), from)
	}
}
