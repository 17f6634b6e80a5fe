// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"bytes"
	"net/netip"
	"testing"
	"time"
)

// TestFramesAreValid sends hand-made packets to the kernel, which drops wrong checksums.
func TestFramesAreValid(t *testing.T) {
	p := bridgedPair(t)
	server := p.b.Serve(t, "udp", 53)
	replies := p.a.Sniff(t, "eth0")
	macA := p.a.MAC(t, "eth0")
	for _, family := range [][2]string{
		{"10.1.0.2", "10.1.0.3"}, {"fd00:1::2", "fd00:1::3"},
	} {
		src, dst := netip.MustParseAddr(family[0]), netip.MustParseAddr(family[1])
		from, to := netip.AddrPortFrom(src, 999), netip.AddrPortFrom(dst, 53)
		p.a.SendRaw(t, "eth0", IPFrame(p.at.MAC, macA, UDP(from, to, []byte("odd"))))
		p.a.SendRaw(t, "eth0", IPFrame(p.at.MAC, macA, ICMPEcho(src, dst, 7, 8)))
		p.a.SendRaw(t, "eth0", IPFrame(p.at.MAC, macA, TCP(from, to, SYN, 5, 0, nil)))
		want := map[string]func([]byte) bool{
			"udp echo":   func(b []byte) bool { return bytes.HasSuffix(b, []byte("odd")) },
			"icmp reply": func(b []byte) bool { return bytes.Contains(b, []byte{0, 7, 0, 8}) },
			// A reset acknowledges the SYN's sequence number plus one.
			"tcp reset": func(b []byte) bool {
				return bytes.Contains(b, []byte{0, 0, 0, 6, 0x50, RST | ACK})
			},
		}
		for name, match := range want {
			if _, ok := replies.Wait(func(b []byte) bool {
				return b[12] == etherOf(src)[0] && b[13] == etherOf(src)[1] && match(b)
			}, time.Second); !ok {
				t.Errorf("%s from %s: got none", name, dst)
			}
		}
	}
	got := server.Received()
	if len(got) != 2 || got[0].Data != "odd" || got[0].From.String() != "10.1.0.2:999" {
		t.Errorf("received: got %v, want one datagram of each family", got)
	}
}

func etherOf(a netip.Addr) [2]byte {
	if a.Is6() {
		return [2]byte{0x86, 0xdd}
	}
	return [2]byte{0x08, 0x00}
}

func TestFragments(t *testing.T) {
	p := bridgedPair(t)
	server := p.b.Serve(t, "udp", 53)
	src, dst := netip.MustParseAddrPort("10.1.0.2:999"), netip.MustParseAddrPort("10.1.0.3:53")
	whole := UDP(src, dst, []byte("0123456789abcdef"))[20:]
	macA := p.a.MAC(t, "eth0")
	for _, f := range [][]byte{
		Fragment(src.Addr(), dst.Addr(), 17, 77, 0, true, whole[:16]),
		Fragment(src.Addr(), dst.Addr(), 17, 77, 16, false, whole[16:]),
	} {
		p.a.SendRaw(t, "eth0", IPFrame(p.at.MAC, macA, f))
	}
	within(t, func() bool { return len(server.Received()) == 1 })
	if got := server.Received()[0].Data; got != "0123456789abcdef" {
		t.Errorf("datagram: got %q, want both fragments", got)
	}
}

func TestARP(t *testing.T) {
	p := bridgedPair(t)
	replies := p.a.Sniff(t, "eth0")
	macA := p.a.MAC(t, "eth0")
	request := ARP(ARPRequest, macA, netip.MustParseAddr("10.1.0.2"), nil,
		netip.MustParseAddr("10.1.0.3"))
	p.a.SendRaw(t, "eth0", Ether(Broadcast, macA, EtherARP, request))
	want := ARP(ARPReply, p.at.MAC, netip.MustParseAddr("10.1.0.3"), macA,
		netip.MustParseAddr("10.1.0.2"))
	if _, ok := replies.Wait(func(b []byte) bool { return bytes.HasSuffix(b, want) },
		time.Second); !ok {
		t.Error("arp reply: got none")
	}
	if _, ok := replies.Wait(func([]byte) bool { return false }, 50*time.Millisecond); ok {
		t.Error("impossible frame: got one")
	}
}

func within(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("condition: not met within 2 s")
		}
	}
}
