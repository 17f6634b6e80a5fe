// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// plainDrop is the floor for a flood: the flooder's packets are dropped by one rule, in the hook
// where ours drop them.
const plainDrop = `table ip bench {
	set bind { type ifname . ipv4_addr; elements = { "va" . 10.1.0.2, "vb" . 10.1.0.3,
		"vc" . 10.1.0.4 }; }
	chain guard { type filter hook prerouting priority -450; policy accept;
		iifname . ip saddr @bind accept
		drop
	}
	chain forward { type filter hook forward priority -10; policy accept;
		ct state established,related accept
		iifname "vc" drop
	}
	chain postrouting { type filter hook postrouting priority 90; policy accept;
		ct state established,related accept
	}
}`

// bystander is a flow that is allowed, beside somebody who floods.
type bystander struct {
	flood    func() *flood
	from, to *udpFlow
	rtt, cpu []float64
}

// besideFlood measures what a flood costs an allowed flow: with ours, and with a plain drop rule in
// our place.
func besideFlood(ctx context.Context, g *rig, r *results) {
	s := newDenialSite(g, r, 0)
	ours := newBystander(g, s.a.box.Namespace, s.b.box.Namespace, s.a.addr, s.b.addr)
	ours.flood = func() *flood { return floodKinds[1].start(g, s) }
	h := routedHost(g)
	c := h.AddContainer(g, "c")
	h.AttachRouted(g, c, testnet.Plug{HostInterface: "vc", Addresses: []string{"10.1.0.4/32"},
		Gateways: []string{"169.254.1.1"}})
	h.Nft(g, plainDrop)
	plain := newBystander(g, h.a.Namespace, h.b.Namespace, h.aAddr, h.bAddr)
	plain.flood = func() *flood {
		return startFlood(g, c.Namespace, netip.MustParseAddr("10.1.0.4"),
			aimedAt(floodKinds[1], h.bAddr))
	}
	const pairs = 16
	for range pairs {
		must(ctx.Err())
		ours.measure(r.options.flood / pairs / 4)
		plain.measure(r.options.flood / pairs / 4)
	}
	for _, m := range []struct {
		what, unit string
		a, b       []float64
	}{{"round trip", "us", ours.rtt, plain.rtt}, {"CPU of a round trip", "us", ours.cpu, plain.cpu}} {
		what := fmt.Sprintf("allowed flow beside %d denials/s: %s", floodRate, m.what)
		r.sample(what+", ours", m.unit, m.a)
		r.sample(what+", plain drop", m.unit, m.b)
		x := compare(m.a, m.b)
		r.atMost("denials", what+", ours / plain drop", x.Median, 1.10, "x",
			fmt.Sprintf("95 %% %.3f-%.3f, min %.3f, p25 %.3f, %d pairs", x.Low, x.High, x.Min, x.P25,
				x.Pairs))
	}
}

func newBystander(g *rig, a, b *testnet.Namespace, from, to netip.Addr) *bystander {
	return &bystander{from: newFlow(g, a, netip.AddrPortFrom(from, 41000),
		netip.AddrPortFrom(to, 42000)), to: newUDP(g, b, netip.AddrPortFrom(to, 42000))}
}

// measure makes round trips for a while, beside the flood.
func (b *bystander) measure(rest time.Duration) {
	f := b.flood()
	time.Sleep(rest)
	const trips = 2000
	var server, client time.Duration
	var took []float64
	done := make(chan error, 1)
	go func() { done <- pinned(1, func() { server = b.to.echo(trips) }) }()
	must(pinned(1, func() { client, took = b.from.trips(trips) }))
	must(<-done)
	f.end()
	b.rtt = append(b.rtt, median(took))
	b.cpu = append(b.cpu, float64(server+client)/1e3/trips)
}

// trips sends n packets, each when the one before was answered. It returns the CPU time of its
// thread and how long each answer took, in microseconds.
func (f *udpFlow) trips(n int) (time.Duration, []float64) {
	f.patient()
	took := make([]float64, 0, n)
	var buf [64]byte
	start := threadTime()
	for range n {
		begin := time.Now()
		must(again(func() error { _, err := unix.Write(f.fd, f.data[:]); return err }))
		must(again(func() error { _, err := unix.Read(f.fd, buf[:]); return err }))
		took = append(took, float64(time.Since(begin))/1e3)
	}
	return threadTime() - start, took
}

// echo answers n packets and returns the CPU time that it took.
func (f *udpFlow) echo(n int) time.Duration {
	f.patient()
	var buf [64]byte
	start := threadTime()
	for range n {
		_, from, err := again2(func() (int, unix.Sockaddr, error) {
			return unix.Recvfrom(f.fd, buf[:], 0)
		})
		must(err)
		to, ok := from.(*unix.SockaddrInet4)
		if !ok {
			must(errors.New("a packet from nobody"))
		}
		f.answer(to)
	}
	return threadTime() - start
}

// patient makes a packet that does not come an error.
func (f *udpFlow) patient() {
	tv := unix.NsecToTimeval(int64(5 * time.Second))
	must(unix.SetsockoptTimeval(f.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
}
