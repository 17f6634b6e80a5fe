// SPDX-License-Identifier: Apache-2.0

package packet_test

import (
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/packet"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// samples are what the kernel's log hands over of various packets.
func samples() map[string][]byte {
	return map[string][]byte{
		"tcp4":  tcp(a4, b4),
		"udp6":  udp(a6, b6),
		"ext6":  extended(tcp(a6, b6), hopByHop, destination, first),
		"error": testnet.ICMPError(a4, b4, 3, 3, udp(b4, a4)),
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, sample := range samples() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if p, err := packet.Decode(packet.LinkIP, sample); err != nil || !p.Transport {
					b.Fatalf("got %+v, %v", p, err)
				}
			}
		})
	}
}

func BenchmarkCommunityID(b *testing.B) {
	p, err := packet.Decode(packet.LinkIP, tcp(a4, b4))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		p.CommunityID(0)
	}
}

// Decoding allocates nothing.
func TestDecodeAllocatesNothing(t *testing.T) {
	for name, sample := range samples() {
		if got := testing.AllocsPerRun(100, func() {
			_, _ = packet.Decode(packet.LinkIP, sample)
		}); got != 0 {
			t.Errorf("%s: got %v allocations, want none", name, got)
		}
	}
}
