// SPDX-License-Identifier: Apache-2.0

package packet_test

import (
	"net/netip"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/packet"
)

// flow is what a Community ID is made of; ports are type and code for ICMP.
func flow(src, dst string, proto uint8, first, second uint16) packet.IP {
	h := packet.IP{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Proto: proto,
		Version: 4, Transport: true}
	if h.Src.Is6() {
		h.Version = 6
	}
	if proto == packet.ICMP || proto == packet.ICMPv6 {
		h.ICMPType, h.ICMPCode = uint8(first), uint8(second)
	} else {
		h.SrcPort, h.DstPort = first, second
	}
	return h
}

// The vectors are those of the specification's reference implementation.
func TestCommunityID(t *testing.T) {
	const (
		tcp, udp, sctp = packet.TCP, packet.UDP, packet.SCTP
		icmp, icmp6    = packet.ICMP, packet.ICMPv6
		n1, n2         = "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea"
		g1, g2         = "3ffe:507:0:1:260:97ff:fe07:69ea", "3ffe:507:0:1:200:86ff:fe05:80da"
	)
	for _, c := range []struct {
		src, dst      string
		proto         uint8
		first, second uint16
		zero, one     string // by seed
	}{
		{"128.232.110.120", "66.35.250.204", tcp, 34855, 80,
			"1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "1:3V71V58M3Ksw/yuFALMcW0LAHvc="},
		{"66.35.250.204", "128.232.110.120", tcp, 80, 34855,
			"1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "1:3V71V58M3Ksw/yuFALMcW0LAHvc="},
		{"10.0.0.1", "10.0.0.2", tcp, 10, 11569,
			"1:SXBGMX1lBOwhhoDrZynfROxnhnM=", "1:HmBRGR+fUyXF4t8WEtal7Y0gEAo="},
		{"2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", tcp, 63943, 25,
			"1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=", ""},
		{"192.168.1.52", "8.8.8.8", udp, 54585, 53,
			"1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "1:Q9We8WO3piVF8yEQBNJF4uiSVrI="},
		{"8.8.8.8", "192.168.1.52", udp, 53, 54585,
			"1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "1:Q9We8WO3piVF8yEQBNJF4uiSVrI="},
		{"192.168.170.8", "192.168.170.56", sctp, 7, 80,
			"1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=", "1:Y1/0jQg6e+I3ZwZZ9LP65DNbTXU="},
		{"192.168.170.56", "192.168.170.8", sctp, 80, 7,
			"1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=", "1:Y1/0jQg6e+I3ZwZZ9LP65DNbTXU="},
		{"192.168.170.8", "192.168.170.56", sctp, 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=", ""},
		{"192.168.0.89", "192.168.0.1", icmp, 8, 0,
			"1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", "1:03g6IloqVBdcZlPyX8r0hgoE7kA="},
		{"192.168.0.1", "192.168.0.89", icmp, 0, 0,
			"1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", "1:03g6IloqVBdcZlPyX8r0hgoE7kA="},
		{"192.168.0.89", "192.168.0.1", icmp, 20, 0,
			"1:3o2RFccXzUgjl7zDpqmY7yJi8rI=", "1:lCXHHxavE1Vq3oX9NH5ladQg02o="},
		{"192.168.0.89", "192.168.0.1", icmp, 20, 1,
			"1:tz/fHIDUHs19NkixVVoOZywde+I=", "1:Ie3wmFyxiEyikbsbcO03d2nh+PM="},
		{n1, n2, icmp6, 135, 0,
			"1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", "1:kHa1FhMYIT6Ym2Vm2AOtoOARDzY="},
		{n2, n1, icmp6, 136, 0,
			"1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", "1:kHa1FhMYIT6Ym2Vm2AOtoOARDzY="},
		{n1, "ff02::2", icmp6, 133, 0, "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0=", ""},
		{n2, "ff02::1", icmp6, 134, 0, "1:pkvHqCL88/tg1k4cPigmZXUtL00=", ""},
		{g1, g2, icmp6, 3, 0,
			"1:NdobDX8PQNJbAyfkWxhtL2Pqp5w=", "1:OlOWx9psIbBFi7lOCw/4MhlKR9M="},
		{g2, g1, icmp6, 3, 0,
			"1:/OGBt9BN1ofenrmSPWYicpij2Vc=", "1:Ij4ZxnC87/MXzhOjvH2vHu7LRmE="},
		{"10.1.2.3", "10.4.5.6", 47, 0, 0, "1:hjmHR9XFBjHCDWCa1JnWlrW+aJY=", ""},
		{"10.4.5.6", "10.1.2.3", 47, 0, 0, "1:hjmHR9XFBjHCDWCa1JnWlrW+aJY=", ""},
	} {
		h := flow(c.src, c.dst, c.proto, c.first, c.second)
		if got := h.CommunityID(0); got != c.zero {
			t.Errorf("%+v: got %s, want %s", h, got, c.zero)
		}
		if got := h.CommunityID(1); c.one != "" && got != c.one {
			t.Errorf("%+v with seed 1: got %s, want %s", h, got, c.one)
		}
	}
}

// Without ports, a flow of a protocol that has them cannot be told from its neighbours.
func TestCommunityIDOfUnknownFlows(t *testing.T) {
	fragment := flow("10.0.0.1", "10.0.0.2", packet.UDP, 0, 0)
	fragment.Transport = false
	unread := flow("10.0.0.1", "10.0.0.2", 0, 0, 0)
	for _, h := range []packet.IP{{}, fragment, unread} {
		if got := h.CommunityID(0); got != "" {
			t.Errorf("%+v: got %s, want none", h, got)
		}
	}
}
