// SPDX-License-Identifier: Apache-2.0

package nflog_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"reflect"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/nflog"
	"github.com/bulkhead-net/bulkhead/internal/packet"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

const group = 4711

func open(t testing.TB, ns *testnet.Namespace, o nflog.Options) *nflog.Reader {
	t.Helper()
	o.NetNS, o.Group = ns.FD(), group
	r, err := nflog.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// one is the only message of the next batch, within five seconds.
func one(t testing.TB, r *nflog.Reader) nflog.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	b, err := r.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Messages) != 1 || b.Lost != (nflog.Loss{}) {
		t.Fatalf("got %+v, want one message and no loss", b)
	}
	return b.Messages[0]
}

// pair is two containers on one bridge of a host.
type pair struct {
	*testnet.Net
	a, b         *testnet.Container
	plugA, plugB testnet.Attachment
}

func newPair(t testing.TB) pair {
	n := testnet.New(t)
	n.Bridge(t, "br0", "10.1.0.1/24", "fd00:1::1/64")
	p := pair{Net: n, a: n.AddContainer(t, "a"), b: n.AddContainer(t, "b")}
	p.plugA = n.AttachBridged(t, p.a, "br0", testnet.Plug{
		Addresses: []string{"10.1.0.2/24", "fd00:1::2/64"}})
	p.plugB = n.AttachBridged(t, p.b, "br0", testnet.Plug{
		Addresses: []string{"10.1.0.3/24", "fd00:1::3/64"}})
	return p
}

func (p pair) index(t testing.TB, link string) uint32 {
	t.Helper()
	var i *net.Interface
	var err error
	p.Do(func() { i, err = net.InterfaceByName(link) })
	if err != nil {
		t.Fatal(err)
	}
	return uint32(i.Index)
}

const prefix = "bh1 0123456789ab egress rule"

// log loads a rule that logs and drops what matches.
func (p pair) log(t testing.TB, family, hook, match string) {
	t.Helper()
	p.Nft(t, fmt.Sprintf(`table %s watch { chain watch {
		type filter hook %s priority 0
		%s mark set 0x1234 log prefix %q group %d counter drop
	}
	}
	`, family, hook, match, prefix, group))
}

// send sends a frame from container a and returns what the log says of it, without its time and
// its frame, which are checked here.
func (p pair) send(t testing.TB, r *nflog.Reader, frame []byte) nflog.Message {
	t.Helper()
	before := time.Now().Truncate(time.Microsecond) // the kernel's resolution
	p.a.SendRaw(t, "eth0", frame)
	m := one(t, r)
	if m.Time.Before(before) || m.Time.After(time.Now()) {
		t.Errorf("got time %s, want it between %s and now", m.Time, before)
	}
	if !bytes.Equal(m.HWAddr, p.plugA.MAC) {
		t.Errorf("got hardware address % x, want % x", m.HWAddr, p.plugA.MAC)
	}
	if m.LinkType != 1 || len(m.Link) != 14 || !bytes.Equal(m.Link[:12], frame[:12]) {
		t.Errorf("got header % x of type %d, want % x of type 1", m.Link, m.LinkType, frame[:14])
	}
	m.Time, m.HWAddr, m.Link, m.LinkType = time.Time{}, nil, nil, 0
	return m
}

// Every family hands over the network header, with the devices of bridge and port.
func TestFamilies(t *testing.T) {
	for _, c := range []struct {
		family, hook, address string
		want                  nflog.Message
	}{
		{"ip", "input", "10.1.0.1", nflog.Message{Family: unix.AF_INET, Hook: 1,
			EtherType: packet.EtherIPv4}},
		{"ip6", "input", "fd00:1::1", nflog.Message{Family: unix.AF_INET6, Hook: 1,
			EtherType: packet.EtherIPv6}},
		{"bridge", "forward", "10.1.0.3", nflog.Message{Family: unix.AF_BRIDGE, Hook: 2,
			EtherType: packet.EtherIPv4}},
		{"bridge", "forward", "fd00:1::3", nflog.Message{Family: unix.AF_BRIDGE, Hook: 2,
			EtherType: packet.EtherIPv6}},
	} {
		t.Run(c.family+" "+c.address, func(t *testing.T) {
			p := newPair(t)
			src, dst := netip.MustParseAddr("10.1.0.2"), netip.MustParseAddr(c.address)
			if dst.Is6() {
				src = netip.MustParseAddr("fd00:1::2")
			}
			mac := p.MAC(t, "br0")
			want := c.want
			want.Prefix, want.Mark, want.HasSeq = prefix, 0x1234, true
			want.InDev = p.index(t, "br0")
			want.PhysIn = p.index(t, p.plugA.HostInterface)
			if c.family == "bridge" {
				mac = p.plugB.MAC
				want.OutDev, want.PhysOut = want.InDev, p.index(t, p.plugB.HostInterface)
			}
			p.log(t, c.family, c.hook, "meta l4proto udp")
			r := open(t, p.Namespace, nflog.Options{})
			sent := testnet.UDP(netip.AddrPortFrom(src, 40000), netip.AddrPortFrom(dst, 53),
				make([]byte, 300))
			got := p.send(t, r, testnet.IPFrame(mac, p.plugA.MAC, sent))
			decoded, err := got.Decode()
			if err != nil || decoded.Src != src || decoded.Dst != dst || decoded.DstPort != 53 ||
				decoded.EtherType != got.EtherType || decoded.Length != uint32(len(sent)) {
				t.Errorf("got %+v, %v, want UDP from %s to %s", decoded, err, src, dst)
			}
			want.Payload = sent[:nflog.DefaultSnaplen]
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

// Frames of a bridge are told as they stood on the wire: tags, ARP, and what is not IP.
func TestFrames(t *testing.T) {
	p := newPair(t)
	p.log(t, "bridge", "prerouting", "ether daddr ff:ff:ff:ff:ff:ff")
	r := open(t, p.Namespace, nflog.Options{})
	a, b := netip.MustParseAddr("10.1.0.2"), netip.MustParseAddr("10.1.0.3")
	udp := testnet.UDP(netip.AddrPortFrom(a, 1), netip.AddrPortFrom(b, 2), nil)
	tagged := testnet.Tag(100, testnet.EtherIPv4, udp)
	arp := testnet.ARP(testnet.ARPRequest, p.plugA.MAC, a, nil, b)
	mac := [6]byte(p.plugA.MAC)
	ip := packet.IP{Version: 4, Src: a, Dst: b, Length: 28, Proto: 17, Transport: true, SrcPort: 1,
		DstPort: 2}
	for _, c := range []struct {
		name      string
		etherType uint16
		payload   []byte
		want      packet.Packet
	}{
		{"untagged", testnet.EtherIPv4, udp, packet.Packet{EtherType: 0x800, IP: ip}},
		{"tagged", testnet.EtherVLAN, tagged, packet.Packet{EtherType: 0x800, VLAN: 100, Tags: 1,
			IP: ip}},
		{"tagged twice", testnet.EtherQinQ, testnet.Tag(7, testnet.EtherVLAN, tagged),
			packet.Packet{EtherType: 0x800, VLAN: 7, Tags: 2, IP: ip}},
		{"ARP", testnet.EtherARP, arp, packet.Packet{EtherType: 0x806, ARP: packet.ARP{
			Operation: 1, SenderEther: mac, SenderIP: a, TargetIP: b}}},
		{"unknown", 0x88b5, make([]byte, 46), packet.Packet{EtherType: 0x88b5}},
	} {
		p.a.SendRaw(t, "eth0", testnet.Ether(testnet.Broadcast, p.plugA.MAC, c.etherType, c.payload))
		m := one(t, r)
		c.want.EtherSrc, c.want.EtherDst = mac, [6]byte(testnet.Broadcast)
		if got, err := m.Decode(); err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v\nwant %+v\nof %+v", c.name, got, err, c.want, m)
		}
	}
}

// What the node itself sends has no frame and no time yet, but an owner.
func TestOwnPackets(t *testing.T) {
	p := newPair(t)
	p.log(t, "ip", "output", "udp dport 53")
	r := open(t, p.Namespace, nflog.Options{Snaplen: 20})
	before := time.Now()
	_ = p.Dial("udp", "10.1.0.2:53", 10*time.Millisecond)
	m := one(t, r)
	if m.Time.Before(before) || m.Time.After(time.Now()) {
		t.Errorf("got time %s, want that of the receipt", m.Time)
	}
	if m.Hook != 3 || m.OutDev != p.index(t, "br0") || m.InDev != 0 || m.Link != nil ||
		!m.HasUID || m.UID != uint32(os.Getuid()) || len(m.Payload) != 20 {
		t.Errorf("got %+v, want 20 bytes of a packet of ours on its way to br0", m)
	}
	if got, err := m.Decode(); err != nil || !got.Truncated || got.Transport ||
		got.Dst != netip.MustParseAddr("10.1.0.2") {
		t.Errorf("got %+v, %v, want an IPv4 header and no more", got, err)
	}
}

// Where the kernel can tell of flows it does, and where it cannot, Open has found out.
func TestConntrackAsFarAsTheKernelTells(t *testing.T) {
	p := newPair(t)
	p.log(t, "ip", "output", "ct state new udp dport 53")
	r := open(t, p.Namespace, nflog.Options{})
	_ = p.Dial("udp", "10.1.0.2:53", 10*time.Millisecond)
	got := one(t, r).Conntrack
	if got.Original.Dst.IsValid() != r.HasTuples() || got.Answer {
		t.Errorf("got %+v, want a flow: %v", got, r.HasTuples())
	}
	t.Logf("flows: %v", r.HasTuples())
}
