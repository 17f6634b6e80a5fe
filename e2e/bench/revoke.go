// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// The flows of the revocation: one is forbidden, the other must not notice.
const (
	forbiddenPort = 4001
	allowedPort   = 4002
)

// stillAllowed is allowClients without the forbidden port.
var stillAllowed = strings.Replace(allowClients, "port: 4000, endPort: 4999",
	"port: 4002, endPort: 4999", 1)

// revocations measures when the last packet of a forbidden flow passes, and what an allowed
// flow loses, with few and with many tracked connections.
func revocations(ctx context.Context, g *rig, r *results) {
	var commit [2]float64
	for i, entries := range []int{1000, 200_000} {
		var apply, last, lost []float64
		tracked := 0
		must(guarded(func(g *rig) {
			v := newRevocation(g, entries)
			tracked = v.tracked(g)
			for range 15 {
				must(ctx.Err())
				once := v.once()
				apply = append(apply, once.apply)
				last = append(last, once.last)
				lost = append(lost, once.lost)
			}
		}))
		name := fmt.Sprintf("revocation at %d flows: ", tracked)
		commit[i] = r.sample(name+"commit", "ms", apply)
		r.sample(name+"last packet after the commit returned", "ms", last)
		r.atMost("6", name+"last packet after the commit, worst of 15", quantile(last, 1), 1,
			"ms", "negative: before it returned")
		r.atMost("6", name+"packets lost on the allowed flow", quantile(lost, 1), 0, "", "")
	}
	r.atMost("6", "commit at 200,000 flows / at 1,000", commit[1]/commit[0], 1.5, "x", "")
}

// revocation is a host with two flows and a full conntrack table.
type revocation struct {
	host      *host
	kernel    *nft.Kernel
	installed *ruleset.Ruleset
	open      *ruleset.Ruleset
	closed    *ruleset.Ruleset
	stamp     compile.Stamp
	flows     [2]*udpFlow // forbidden, allowed
	ears      [2]*ear
}

func newRevocation(g *rig, entries int) *revocation {
	h := routedHost(g)
	for _, name := range []string{"udp_timeout", "udp_timeout_stream"} {
		h.Sysctl(g, "net/netfilter/nf_conntrack_"+name, "300")
	}
	v := &revocation{host: h, stamp: compile.Stamp{Generation: 1, Epoch: 1}}
	v.open, _ = compile.Compile(h.input([]string{allowClients}, nil))
	v.closed, _ = compile.Compile(h.input([]string{stillAllowed}, nil))
	v.installed = installRuleset(g, h.FD(), v.open)
	v.kernel = need(nft.Open(nft.Options{NetNS: h.FD()}))
	g.Cleanup(func() { v.kernel.Close() })
	for i, port := range []uint16{forbiddenPort, allowedPort} {
		v.ears[i] = newEar(g, h.b.Namespace, netip.AddrPortFrom(h.bAddr, port))
		v.flows[i] = newFlow(g, h.a.Namespace, netip.AddrPortFrom(h.aAddr, 0),
			netip.AddrPortFrom(h.bAddr, port))
	}
	h.discard(g, fmt.Sprintf("%d-%d", fillPort+10, fillPort+999))
	h.fill(g, entries)
	return v
}

// fill makes tracked flows: as many sources as it takes, to 900 ports each.
func (h *host) fill(g *rig, entries int) {
	const ports = 900
	for source := 0; source*ports < entries; source++ {
		f := newUDP(g, h.a.Namespace, netip.AddrPortFrom(h.aAddr, uint16(20000+source)))
		for i := range min(ports, entries-source*ports) {
			must(unix.Sendto(f.fd, f.data[:], 0, &unix.SockaddrInet4{Addr: h.bAddr.As4(),
				Port: fillPort + 10 + i}))
		}
		f.close()
	}
}

// tracked is how many entries conntrack has, which must be about what was asked for.
func (v *revocation) tracked(g *rig) int {
	n := need(strconv.Atoi(v.host.ReadSysctl(g, "net/netfilter/nf_conntrack_count")))
	if n < 900 {
		g.Fatalf("conntrack: %d entries", n)
	}
	return n
}

// outcome is one revocation, times in milliseconds.
type outcome struct{ apply, last, lost float64 }

// once forbids the first flow while both run, and allows it again.
func (v *revocation) once() outcome {
	var stop atomic.Bool
	var sent [2]uint64
	for _, e := range v.ears {
		e.reset()
	}
	sender := make(chan error, 1)
	go func() {
		sender <- pinned(1, func() {
			for !stop.Load() {
				for i, f := range v.flows {
					sent[i]++
					binary.BigEndian.PutUint64(f.data[:], sent[i])
					f.send(1)
				}
				for until := time.Now().Add(25 * time.Microsecond); time.Now().Before(until); {
					runtime.Gosched()
				}
			}
		})
	}()
	time.Sleep(40 * time.Millisecond)
	ops := v.plan(v.closed)
	start := time.Now()
	must(v.kernel.Apply(background, ops))
	returned := time.Now()
	time.Sleep(60 * time.Millisecond)
	stop.Store(true)
	must(<-sender)
	heard := v.ears[1].hearAll(sent[1])
	last := v.ears[0].lastHeard()
	must(v.kernel.Apply(background, v.plan(v.open)))
	time.Sleep(5 * time.Millisecond)
	return outcome{apply: ms(returned.Sub(start)), last: ms(last.Sub(returned)),
		lost: float64(sent[1]) - float64(heard)}
}

func (v *revocation) plan(to *ruleset.Ruleset) []ruleset.Op {
	c := committer{installed: v.installed, stamp: v.stamp}
	ops := c.plan(to)
	v.installed, v.stamp = c.installed, c.stamp
	return ops
}

// ear hears one port of a container: how many packets arrived, and when the kernel took the last.
type ear struct {
	fd    int
	count atomic.Uint64
	last  atomic.Int64
	done  chan struct{}
}

func newEar(g *rig, n *testnet.Namespace, at netip.AddrPort) *ear {
	f := newUDP(g, n, at)
	must(unix.SetsockoptInt(f.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1))
	must(unix.SetsockoptInt(f.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20))
	tv := unix.NsecToTimeval(int64(50 * time.Millisecond))
	must(unix.SetsockoptTimeval(f.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
	e := &ear{fd: f.fd, done: make(chan struct{})}
	ended := make(chan struct{})
	go func() { defer close(ended); e.hear() }()
	g.Cleanup(func() { close(e.done); <-ended })
	return e
}

func (e *ear) hear() {
	var data [payload]byte
	oob := make([]byte, 128)
	for {
		select {
		case <-e.done:
			return
		default:
		}
		_, n, _, _, err := unix.Recvmsg(e.fd, data[:], oob, 0)
		if err != nil {
			continue // the time-out, or a signal of the runtime
		}
		e.last.Store(stamp(oob[:n]))
		e.count.Add(1)
	}
}

// stamp is the time at which the kernel took the packet, in nanoseconds.
func stamp(oob []byte) int64 {
	list, err := unix.ParseSocketControlMessage(oob)
	if err == nil && len(list) > 0 && len(list[0].Data) >= 16 {
		return int64(binary.NativeEndian.Uint64(list[0].Data))*1e9 +
			int64(binary.NativeEndian.Uint64(list[0].Data[8:]))
	}
	fmt.Fprintln(os.Stderr, "bench: a packet without a time stamp")
	return time.Now().UnixNano()
}

func (e *ear) reset() { e.count.Store(0); e.last.Store(0) }

// hearAll waits until the ear has heard so many packets, or no more of them for a while: on a busy
// machine the ear lags behind.
func (e *ear) hearAll(want uint64) uint64 {
	time.Sleep(20 * time.Millisecond)
	for before := uint64(0); e.count.Load() < want && e.count.Load() != before; {
		before = e.count.Load()
		time.Sleep(200 * time.Millisecond)
	}
	return e.count.Load()
}

func (e *ear) lastHeard() time.Time {
	return time.Unix(0, e.last.Load())
}
