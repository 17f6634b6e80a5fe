// SPDX-License-Identifier: Apache-2.0

package nflog

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

const testGroup = 7

// encode builds attributes as the kernel does: numbers in network byte order.
func encode(t testing.TB, build func(*netlink.AttributeEncoder)) []byte {
	t.Helper()
	ae := netlink.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	build(ae)
	b, err := ae.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// message builds a netlink message of the log.
func message(t testing.TB, typ netlink.HeaderType, group uint16, attrs []byte) []byte {
	t.Helper()
	data := binary.BigEndian.AppendUint16([]byte{unix.AF_INET, 0}, group)
	data = append(data, attrs...)
	m := netlink.Message{Header: netlink.Header{Type: typ,
		Length: uint32(unix.SizeofNlMsghdr + len(data))}, Data: data}
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// numbered is a message that has a sequence number and a payload.
func numbered(t testing.TB, seq uint32) []byte {
	t.Helper()
	return message(t, typePacket, testGroup, encode(t, func(ae *netlink.AttributeEncoder) {
		ae.Bytes(attrPacketHeader, []byte{8, 0, 1, 0})
		ae.String(attrPrefix, "bh1 - - drop")
		ae.Uint32(attrSeq, seq)
		ae.Bytes(attrPayload, []byte{0x45, byte(seq)})
	}))
}

func TestDatagram(t *testing.T) {
	now := time.Unix(1000, 0)
	done := message(t, unix.NLMSG_DONE, testGroup, nil)
	p := parser{group: testGroup}
	for range 2 { // the second time into the same memory
		b := slices.Concat(numbered(t, 1), numbered(t, 2), done)
		if !p.datagram(b, now) || len(p.messages) != 2 {
			t.Fatalf("got %+v, want two messages", p.messages)
		}
		for i, m := range p.messages {
			want := Message{Family: unix.AF_INET, Hook: 1, EtherType: 0x800, Prefix: "bh1 - - drop",
				Time: now, Seq: uint32(i + 1), HasSeq: true, Payload: []byte{0x45, byte(i + 1)}}
			if !reflect.DeepEqual(m, want) {
				t.Errorf("got %+v, want %+v", m, want)
			}
		}
	}
}

// A datagram that is cut or damaged gives the messages before, and says that something is wrong.
func TestMalformedDatagram(t *testing.T) {
	first := numbered(t, 1)
	attr := func(typ uint16, b ...byte) []byte {
		return message(t, typePacket, testGroup, encode(t, func(ae *netlink.AttributeEncoder) {
			ae.Bytes(typ, b)
		}))
	}
	long := numbered(t, 2)
	binary.NativeEndian.PutUint16(long[unix.SizeofNlMsghdr+generic:], 200)
	for name, second := range map[string][]byte{
		"cut header":       numbered(t, 2)[:15],
		"cut message":      numbered(t, 2)[:40],
		"no header":        message(t, typePacket, testGroup, nil)[:18],
		"another group":    message(t, typePacket, testGroup+1, nil),
		"attribute beyond": long,
		"short number":     attr(attrSeq, 1, 2, 3),
		"long number":      attr(attrMark, 1, 2, 3, 4, 5),
		"packet header":    attr(attrPacketHeader, 8, 0, 1),
		"time":             attr(attrTimestamp, make([]byte, 15)...),
		"hardware address": attr(attrHWAddr, 0, 9, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8),
		"tag":              attr(attrVLAN, 5, 0, 1, 0, 0x81, 0, 0, 0),
		"flow":             attr(attrCT, 12, 0, 1, 0, 8, 0, 1, 0, 8, 0, 1),
	} {
		p := parser{group: testGroup}
		if p.datagram(slices.Concat(first, second), time.Time{}) || len(p.messages) != 1 ||
			p.messages[0].Seq != 1 {
			t.Errorf("%s: got %+v, want the first message and a complaint", name, p.messages)
		}
	}
}

// conntrackOf is conntrack's view of a flow whose server was translated.
func conntrackOf(t testing.TB, proto uint8, src, dst, server string) []byte {
	t.Helper()
	tuple := func(a, b string, sport, dport uint16) func(*netlink.AttributeEncoder) error {
		return func(ae *netlink.AttributeEncoder) error {
			ae.ByteOrder = binary.BigEndian
			from, to := netip.MustParseAddr(a), netip.MustParseAddr(b)
			ae.Nested(tupleIP, func(ae *netlink.AttributeEncoder) error {
				first := uint16(ipv4Src)
				if from.Is6() {
					first = ipv6Src
				}
				ae.Bytes(first, from.AsSlice())
				ae.Bytes(first+1, to.AsSlice())
				return nil
			})
			ae.Nested(tupleProto, func(ae *netlink.AttributeEncoder) error {
				ae.ByteOrder = binary.BigEndian
				ae.Uint8(protoNum, proto)
				if proto == 1 {
					ae.Uint16(4, 99) // the id
					ae.Uint8(protoICMPType, 8)
					ae.Uint8(protoICMPCode, 1)
					return nil
				}
				ae.Uint16(protoSrcPort, sport)
				ae.Uint16(protoDstPort, dport)
				return nil
			})
			return nil
		}
	}
	return encode(t, func(ae *netlink.AttributeEncoder) {
		ae.Nested(ctTupleOrig, tuple(src, dst, 40000, 80))
		ae.Nested(ctTupleReply, tuple(server, src, 8080, 40000))
		ae.Uint32(3, 0x108) // the status
	})
}

// The kernel gives flows only where it was built so: these attributes are as ctnetlink writes them.
func TestConntrack(t *testing.T) {
	tcp := Tuple{Src: netip.MustParseAddr("10.1.0.2"), Dst: netip.MustParseAddr("10.96.0.1"),
		Proto: 6, SrcPort: 40000, DstPort: 80}
	back := Tuple{Src: netip.MustParseAddr("10.1.0.3"), Dst: tcp.Src, Proto: 6, SrcPort: 8080,
		DstPort: 40000}
	icmp, icmpBack := tcp, back
	for _, tuple := range []*Tuple{&icmp, &icmpBack} {
		tuple.Proto, tuple.SrcPort, tuple.DstPort, tuple.ICMPType, tuple.ICMPCode = 1, 0, 0, 8, 1
	}
	tcp6, back6 := tcp, back
	tcp6.Src, tcp6.Dst = netip.MustParseAddr("fd00::2"), netip.MustParseAddr("fd00::3")
	back6.Src, back6.Dst = tcp6.Dst, tcp6.Src
	for _, c := range []struct {
		ct   []byte
		info uint32
		want Conntrack
	}{
		{conntrackOf(t, 6, "10.1.0.2", "10.96.0.1", "10.1.0.3"), 2, Conntrack{tcp, back, false}},
		{conntrackOf(t, 6, "10.1.0.2", "10.96.0.1", "10.1.0.3"), 3, Conntrack{tcp, back, true}},
		{conntrackOf(t, 1, "10.1.0.2", "10.96.0.1", "10.1.0.3"), 4, Conntrack{icmp, icmpBack, true}},
		{conntrackOf(t, 6, "fd00::2", "fd00::3", "fd00::3"), 0, Conntrack{tcp6, back6, false}},
	} {
		b := message(t, typePacket, testGroup, encode(t, func(ae *netlink.AttributeEncoder) {
			ae.Bytes(attrCT|unix.NLA_F_NESTED, c.ct)
			ae.Uint32(attrCTInfo, c.info)
		}))
		p := parser{group: testGroup}
		if !p.datagram(b, time.Time{}) || len(p.messages) != 1 ||
			p.messages[0].Conntrack != c.want {
			t.Errorf("got %+v\nwant %+v", p.messages, c.want)
		}
	}
}

func TestSequence(t *testing.T) {
	for _, c := range []struct {
		next, n uint32
		want    uint64
	}{
		{0, 0, 0}, {0, 5, 5}, {7, 7, 0}, {7, 8, 1},
		{math.MaxUint32, math.MaxUint32, 0},
		{math.MaxUint32, 0, 1},
		{math.MaxUint32 - 1, 3, 5},
		{0, 1 << 30, 1 << 30},
		{10, 9, 0}, // backwards
	} {
		s := sequence{next: c.next}
		if got := s.missing(c.n); got != c.want || s.next != c.n+1 {
			t.Errorf("%d after %d were expected: got %d missing, next %d, want %d and %d", c.n,
				c.next, got, s.next, c.want, c.n+1)
		}
	}
}

// Prefixes are kept once, and not for ever.
func TestPrefixes(t *testing.T) {
	p := parser{}
	for i := range 3 * maxPrefixes {
		want := fmt.Sprintf("bh1 %d", i)
		if got := p.prefix(append([]byte(want), 0)); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	if len(p.prefixes) > maxPrefixes {
		t.Errorf("got %d prefixes kept, want at most %d", len(p.prefixes), maxPrefixes)
	}
	known := []byte("bh1 known\x00")
	p.prefix(known)
	if got := testing.AllocsPerRun(100, func() { p.prefix(known) }); got != 0 {
		t.Errorf("known prefix: got %v allocations, want none", got)
	}
}

// What came before the answer to Open is read first, and in order.
func TestEarlyMessages(t *testing.T) {
	r, err := Open(Options{NetNS: testnet.NewNamespace(t, "early").FD(), Group: testGroup})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.early = [][]byte{numbered(t, 0), numbered(t, 3)}
	for i, want := range []Loss{{}, {Gaps: 2}} {
		b, err := r.Read(t.Context())
		if err != nil || len(b.Messages) != 1 || b.Messages[0].Seq != uint32(3*i) || b.Lost != want {
			t.Errorf("got %+v, %v, want message %d and %+v", b, err, 3*i, want)
		}
	}
}

// A message of another process is no message of the kernel.
func TestForgedMessages(t *testing.T) {
	ns := testnet.NewNamespace(t, "forged")
	r, err := Open(Options{NetNS: ns.FD(), Group: testGroup})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	other, err := Open(Options{NetNS: ns.FD(), Group: testGroup + 1})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	forge := func() {
		var err error
		to := &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: r.conn.PID()}
		if rawErr := other.raw.Write(func(fd uintptr) bool {
			err = unix.Sendto(int(fd), numbered(t, 0), 0, to)
			return true
		}); rawErr != nil || err != nil {
			t.Fatal(rawErr, err)
		}
	}
	forge()
	if _, err := r.receive(false); err == nil {
		t.Error("got a datagram of another process, want none")
	}
	// It does arrive: without the check it would be taken.
	forge()
	n := 0
	if err := r.raw.Read(func(fd uintptr) bool {
		n, _, _ = unix.Recvfrom(int(fd), r.buf, unix.MSG_DONTWAIT)
		return true
	}); err != nil || n != len(numbered(t, 0)) {
		t.Errorf("got %d bytes, %v, want the forged message in the socket", n, err)
	}
}

// What the kernel sends is never read beyond its end, however it is cut or damaged.
func FuzzDatagram(f *testing.F) {
	f.Add(slices.Concat(numbered(f, 1), numbered(f, 2), message(f, unix.NLMSG_DONE, testGroup, nil)))
	f.Add(message(f, typePacket, testGroup, encode(f, func(ae *netlink.AttributeEncoder) {
		ae.Bytes(attrCT, conntrackOf(f, 6, "10.1.0.2", "10.96.0.1", "10.1.0.3"))
		ae.Uint32(attrCTInfo, 3)
		ae.Bytes(attrHWAddr, []byte{0, 6, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0})
		ae.Bytes(attrTimestamp, make([]byte, 16))
		ae.Nested(attrVLAN, func(ae *netlink.AttributeEncoder) error {
			ae.ByteOrder = binary.BigEndian
			ae.Uint16(vlanProto, 0x8100)
			ae.Uint16(vlanTCI, 100)
			return nil
		})
		ae.Bytes(attrL2Header, make([]byte, 14))
	})))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := parser{group: testGroup}
		ok := p.datagram(b, time.Time{})
		if len(p.messages) > len(b)/(unix.SizeofNlMsghdr+generic) {
			t.Errorf("got %d messages of %d bytes", len(p.messages), len(b))
		}
		whole := len(p.messages)
		for _, m := range p.messages {
			if len(m.Payload)+len(m.Prefix)+len(m.Link)+len(m.HWAddr) > len(b) {
				t.Errorf("got %+v of %d bytes", m, len(b))
			}
			_, _ = m.Decode()
		}
		// A message is there, or the datagram is complained of; a part of it has no more.
		if p.datagram(b[:len(b)/2], time.Time{}); len(p.messages) > whole {
			t.Errorf("got %d messages in the first half, %d in the whole", len(p.messages), whole)
		}
		if ok && len(b) > 0 && len(b) < unix.SizeofNlMsghdr {
			t.Errorf("got no complaint about %d bytes", len(b))
		}
	})
}
