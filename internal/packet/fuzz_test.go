// SPDX-License-Identifier: Apache-2.0

package packet_test

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/packet"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// decode reads b as a packet of a kind: 0 and 1 are LinkKinds, everything else an EtherType.
func decode(kind uint16, b []byte) (packet.Packet, error) {
	if kind <= uint16(packet.LinkEthernet) {
		return packet.Decode(packet.LinkKind(kind), b)
	}
	return packet.DecodeNetwork(kind, b)
}

// FuzzDecode: whatever the bytes, a decoded packet makes sense, and a prefix of it tells nothing
// else than the whole.
func FuzzDecode(f *testing.F) {
	for _, b := range [][]byte{tcp(a4, b4), udp(a6, b6), testnet.ICMPEcho(a4, b4, 1, 1),
		extended(tcp(a6, b6), hopByHop, destination, routing, first, auth),
		extended(udp(a6, b6), later), withOptions(tcp(a4, b4), 60),
		testnet.ICMPError(a4, b4, 3, 3, udp(b4, a4)),
		testnet.ICMPError(a6, b6, 1, 4, extended(udp(b6, a6), atomic, auth))} {
		f.Add(uint16(packet.LinkIP), b, 24)
		f.Add(uint16(packet.LinkEthernet), testnet.IPFrame(mac1[:], mac2[:], b), 40)
	}
	f.Add(uint16(testnet.EtherARP), testnet.ARP(1, mac1[:], a4, mac2[:], b4), 20)
	f.Add(uint16(testnet.EtherQinQ), testnet.Tag(1, testnet.EtherVLAN,
		testnet.Tag(2, testnet.EtherIPv4, tcp(a4, b4))), 30)
	f.Fuzz(func(t *testing.T, kind uint16, b []byte, n int) {
		whole, err := decode(kind, b)
		for _, h := range []packet.IP{whole.IP, whole.Inner} {
			checkIP(t, h)
		}
		checkARP(t, whole)
		if whole.Inner.Version != 0 && !whole.Transport {
			t.Errorf("got a quoted packet %+v behind an unknown header", whole.Inner)
		}
		prefix, prefixErr := decode(kind, b[:max(0, min(n, len(b)))])
		if prefixErr != nil && err == nil {
			t.Errorf("prefix of %d: got %v, want no error as for the whole", n, prefixErr)
		}
		sameWhereKnown(t, reflect.ValueOf(prefix), reflect.ValueOf(whole), "packet")
	})
}

func checkIP(t *testing.T, h packet.IP) {
	t.Helper()
	is := map[uint8]func(netip.Addr) bool{0: func(a netip.Addr) bool { return !a.IsValid() },
		4: netip.Addr.Is4, 6: netip.Addr.Is6}[h.Version]
	addressed := h.Src.IsValid() || !h.Truncated
	if is == nil || addressed && (!is(h.Src) || !is(h.Dst)) {
		t.Errorf("IP version %d: got %s to %s", h.Version, h.Src, h.Dst)
	}
	if (h.SrcPort != 0 || h.DstPort != 0) && (!h.Transport || !packet.HasPorts(h.Proto)) {
		t.Errorf("got ports %d to %d of protocol %d", h.SrcPort, h.DstPort, h.Proto)
	}
	if h.TCPFlags != 0 && (!h.Transport || h.Proto != packet.TCP) {
		t.Errorf("got flags %#x of protocol %d", h.TCPFlags, h.Proto)
	}
	icmp := h.Version == 4 && h.Proto == packet.ICMP || h.Version == 6 && h.Proto == packet.ICMPv6
	if (h.ICMPType != 0 || h.ICMPCode != 0) && (!h.Transport || !icmp) {
		t.Errorf("got type %d of protocol %d in IPv%d", h.ICMPType, h.Proto, h.Version)
	}
	if h.Offset != 0 && (!h.Fragment || h.Transport) {
		t.Errorf("got a transport header in a later fragment: %+v", h)
	}
	if id := h.CommunityID(0); id != "" && (len(id) != 30 || h.Version == 0) {
		t.Errorf("got Community ID %q of %+v", id, h)
	}
}

func checkARP(t *testing.T, p packet.Packet) {
	t.Helper()
	if p.ARP != (packet.ARP{}) && (p.EtherType != packet.EtherARP || p.Version != 0) {
		t.Errorf("got ARP %+v in type %#x", p.ARP, p.EtherType)
	}
	if p.ARP.SenderIP.IsValid() != p.ARP.TargetIP.IsValid() || p.ARP.SenderIP.Is6() {
		t.Errorf("got ARP addresses %s and %s", p.ARP.SenderIP, p.ARP.TargetIP)
	}
}

// sameWhereKnown compares every field that a prefix knows, which is where it is not zero.
func sameWhereKnown(t *testing.T, prefix, whole reflect.Value, name string) {
	t.Helper()
	if name == "Truncated" || prefix.IsZero() {
		return
	}
	_, isAddr := prefix.Interface().(netip.Addr)
	if prefix.Kind() == reflect.Struct && !isAddr {
		for i := range prefix.NumField() {
			sameWhereKnown(t, prefix.Field(i), whole.Field(i), prefix.Type().Field(i).Name)
		}
		return
	}
	if name == "Tags" && prefix.Uint() <= whole.Uint() {
		return // the inner one may be cut off
	}
	if !reflect.DeepEqual(prefix.Interface(), whole.Interface()) {
		t.Errorf("%s: got %v in the prefix, want %v as in the whole", name, prefix, whole)
	}
}
