// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"sync"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// rawProtocols are those without ports: the ear of each namespace hears them on raw sockets.
var rawProtocols = []struct {
	network  string
	any      string
	protocol uint8
}{
	{"ip4", "0.0.0.0", policy.ProtocolICMP}, {"ip6", "::", policy.ProtocolICMPv6},
	{"ip4", "0.0.0.0", 50}, {"ip6", "::", 50}, {"ip4", "0.0.0.0", 89}, {"ip6", "::", 89},
	{"ip4", "0.0.0.0", 47}, {"ip6", "::", 47},
}

// ear hears what reaches a namespace in protocols without ports. Every probe ends in a number
// of its own; an ICMP error ends in the number of the packet that it quotes.
type ear struct {
	mu    sync.Mutex
	heard map[uint64]sound
	news  *sync.Cond
}

// sound is what the ear heard of one probe.
type sound struct {
	arrived    bool
	prohibited bool
}

func newEar(t testing.TB, ns *testnet.Namespace) *ear {
	t.Helper()
	e := &ear{heard: map[uint64]sound{}}
	e.news = sync.NewCond(&e.mu)
	for _, r := range rawProtocols {
		var conn net.PacketConn
		var err error
		ns.Do(func() { conn, err = net.ListenPacket(fmt.Sprint(r.network, ":", r.protocol), r.any) })
		if err != nil {
			t.Fatalf("%s: hear protocol %d: %v", ns.Name, r.protocol, err)
		}
		t.Cleanup(func() { conn.Close() })
		go e.listen(conn, r.protocol)
	}
	return e
}

func (e *ear) listen(conn net.PacketConn, protocol uint8) {
	buf := make([]byte, 4096)
	for {
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if n < 16 {
			continue
		}
		number := binary.BigEndian.Uint64(buf[n-8 : n])
		e.mu.Lock()
		s := e.heard[number]
		switch {
		case isProhibited(protocol, buf[0], buf[1]):
			s.prohibited = true
		case !isError(protocol, buf[0]):
			s.arrived = true
		}
		e.heard[number] = s
		e.news.Broadcast()
		e.mu.Unlock()
	}
}

func isError(protocol, kind uint8) bool {
	return protocol == policy.ProtocolICMP && (kind == 3 || kind == 11) ||
		protocol == policy.ProtocolICMPv6 && kind < 128
}

// isProhibited knows the answer to a rejected packet: ICMP admin-prohibited.
func isProhibited(protocol, kind, code uint8) bool {
	return protocol == policy.ProtocolICMP && kind == 3 && code == 13 ||
		protocol == policy.ProtocolICMPv6 && kind == 1 && code == 1
}

// wait returns true when the ear has heard of the number what the caller waits for.
func (e *ear) wait(number uint64, deadline time.Time, what func(sound) bool) bool {
	timer := time.AfterFunc(time.Until(deadline), e.news.Broadcast)
	defer timer.Stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	for !what(e.heard[number]) {
		if !time.Now().Before(deadline) {
			return false
		}
		e.news.Wait()
	}
	return true
}

// sendRaw sends one packet of a protocol without ports and waits until it arrives, is
// answered with admin-prohibited, or the time is over.
func (n *node) sendRaw(p probe, timeout time.Duration) error {
	from, to := n.ears[n.namespaceOf(p.From)], n.ears[n.namespaceOf(p.To)]
	number := rand.Uint64()
	err := writeRaw(n.namespaceOf(p.From), p, number)
	if err != nil && !errors.Is(err, syscall.EPERM) {
		return err
	}
	deadline := time.Now().Add(timeout)
	prohibited := make(chan bool, 1)
	go func() {
		prohibited <- from.wait(number, deadline, func(s sound) bool { return s.prohibited })
	}()
	arrived := make(chan bool, 1)
	go func() {
		arrived <- to.wait(number, deadline, func(s sound) bool { return s.arrived })
	}()
	select {
	case ok := <-arrived:
		if ok {
			return nil
		}
		if <-prohibited {
			return testnet.ErrProhibited
		}
	case ok := <-prohibited:
		if ok {
			return testnet.ErrProhibited
		}
		if <-arrived {
			return nil
		}
	}
	return testnet.ErrTimeout
}

func writeRaw(ns *testnet.Namespace, p probe, number uint64) error {
	network := "ip4"
	if p.From.Addr.Is6() {
		network = "ip6"
	}
	var conn net.PacketConn
	var err error
	ns.Do(func() {
		conn, err = net.ListenPacket(fmt.Sprint(network, ":", p.Protocol), p.From.Addr.String())
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.WriteTo(message(p, number), address(p.To.Addr))
	return err
}

// message is what each protocol takes for one of its own: conntrack calls a broken GRE header
// invalid, and the kernel answers a rejected packet only if its checksum is right.
func message(p probe, number uint64) []byte {
	b := binary.BigEndian.AppendUint64(nil, rand.Uint64())
	b = binary.BigEndian.AppendUint64(b, number)
	switch {
	case p.isICMP():
		b[0], b[1], b[2], b[3] = p.ICMPType, p.ICMPCode, 0, 0
	case p.Protocol == 47:
		b[0], b[1], b[2], b[3] = 0, 0, 0x08, 0x00
		return b
	default:
		b[2], b[3] = 0, 0
	}
	binary.BigEndian.PutUint16(b[2:], checksum(p, b))
	return b
}

// checksum is that of ICMP and OSPF: in IPv6 it covers a pseudo header too.
func checksum(p probe, b []byte) uint16 {
	if p.From.Addr.Is6() {
		b = append(append(p.From.Addr.AsSlice(), p.To.Addr.AsSlice()...), b...)
		b = append(b, 0, 0, 0, 16, 0, 0, 0, p.Protocol)
	}
	sum := uint32(0)
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

func address(a netip.Addr) net.Addr { return &net.IPAddr{IP: a.AsSlice(), Zone: a.Zone()} }
