// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// floodKind is where the packets of a flood go.
type floodKind struct {
	name string
	// aim returns the next destination.
	aim func(dice *rand.Rand, closed netip.Addr) netip.AddrPort
}

var floodKinds = []floodKind{
	{"one flow", func(_ *rand.Rand, closed netip.Addr) netip.AddrPort {
		return netip.AddrPortFrom(closed, 4000)
	}},
	{"random ports", func(dice *rand.Rand, closed netip.Addr) netip.AddrPort {
		return netip.AddrPortFrom(closed, uint16(1+dice.IntN(65535)))
	}},
	{"random addresses and ports", func(dice *rand.Rand, _ netip.Addr) netip.AddrPort {
		a := worldNet.Addr().As4()
		a[1] += byte(dice.IntN(2))
		a[2], a[3] = byte(dice.IntN(256)), byte(dice.IntN(256))
		return netip.AddrPortFrom(netip.AddrFrom4(a), uint16(1+dice.IntN(65535)))
	}},
}

// flood sends at floodRate until it is stopped.
type flood struct {
	stop  atomic.Bool
	sent  uint64
	took  time.Duration
	ended chan error
}

// startFlood sends from a thread on the first CPU. All that the kernel does with a packet, up to
// its refusal, happens in that thread.
func startFlood(g *rig, n *testnet.Namespace, from netip.Addr, next func() netip.AddrPort) *flood {
	f := &flood{ended: make(chan error, 1)}
	socket := newUDP(g, n, netip.AddrPortFrom(from, 0))
	go func() { f.ended <- pinned(0, func() { f.run(socket, next) }) }()
	return f
}

func (f *flood) run(socket *udpFlow, next func() netip.AddrPort) {
	var to [batch]unix.RawSockaddrInet4
	socket.iov = unix.Iovec{Base: &socket.data[0], Len: payload}
	for i := range socket.msgs {
		h := &socket.msgs[i].hdr
		h.Iov, h.Iovlen = &socket.iov, 1
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&to[i])), unix.SizeofSockaddrInet4
	}
	start := time.Now()
	for !f.stop.Load() {
		due := uint64(time.Since(start).Seconds()*floodRate) - f.sent
		for ; due >= batch; due -= batch {
			for i := range to {
				at := next()
				to[i] = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: at.Addr().As4(),
					Port: at.Port()<<8 | at.Port()>>8}
			}
			socket.send(batch)
			f.sent += batch
		}
		time.Sleep(200 * time.Microsecond)
	}
	f.took = time.Since(start)
	runtime.KeepAlive(&to)
}

// end stops the flood and returns how many packets it sent, and how many a second.
func (f *flood) end() (sent uint64, rate float64) {
	f.stop.Store(true)
	must(<-f.ended)
	return f.sent, float64(f.sent) / f.took.Seconds()
}

// start begins a flood of the kind.
func (k floodKind) start(g *rig, s *denialSite) *flood {
	return startFlood(g, s.flooder.box.Namespace, s.flooder.addr, aimedAt(k, s.closed[0].addr))
}

func aimedAt(k floodKind, closed netip.Addr) func() netip.AddrPort {
	dice := rand.New(rand.NewPCG(1, 2))
	return func() netip.AddrPort { return k.aim(dice, closed) }
}

// trickle has each of the other endpoints send three packets a second to each closed endpoint, to
// fifty ports in turn, until ctx ends. It returns how many each has sent to each.
func (s *denialSite) trickle(ctx context.Context, g *rig) [2]uint64 {
	var sockets []*udpFlow
	for _, o := range s.others {
		sockets = append(sockets, newUDP(g, o.box.Namespace, netip.AddrPortFrom(o.addr, 0)))
	}
	var sent [2]uint64
	ticks := time.NewTicker(time.Second / 3 / otherEndpoints)
	defer ticks.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		<-ticks.C
		for n, c := range s.closed {
			sockets[i%otherEndpoints].sendTo(netip.AddrPortFrom(c.addr,
				uint16(6000+i/otherEndpoints%50)))
			sent[n]++
		}
	}
	return sent
}
