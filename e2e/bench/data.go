// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
)

// How much one measurement takes: some 10 ms each, short enough to fall between two turns of
// somebody else and long enough to dwarf the clock.
const (
	tries        = 3
	burstPackets = 2500
	connectCount = 100
)

// subject is a variant that stands, with what was measured of it over all rounds.
type subject struct {
	variant
	host     *host
	flow     *udpFlow
	listener listener
	samples  map[string][]float64 // by metric
}

// The metrics of the data plane.
const (
	packetMetric  = "packet ns"
	crrMetric     = "CRR CPU us"
	connectMetric = "connect us"
)

var metrics = []string{packetMetric, crrMetric, connectMetric}

func dataPlane(ctx context.Context, _ *rig, r *results) {
	judgeData(r, measured(ctx, r, variants()))
}

// measured measures every variant in every sweep, in random order, so that what else the
// machine does meets all alike. Every round builds all hosts anew: where the memory of a host
// happens to lie is part of the noise too.
func measured(ctx context.Context, r *results, list []variant) []*subject {
	var subjects []*subject
	for _, v := range list {
		subjects = append(subjects, &subject{variant: v, samples: map[string][]float64{}})
	}
	for round := range r.Rounds {
		must(ctx.Err())
		fmt.Fprintf(os.Stderr, "  round %d of %d\n", round+1, r.Rounds)
		must(guarded(func(g *rig) {
			for _, s := range subjects {
				s.build(g)
			}
			runtime.GC()
			for range r.Sweeps {
				must(ctx.Err())
				rand.Shuffle(len(subjects), func(i, j int) {
					subjects[i], subjects[j] = subjects[j], subjects[i]
				})
				for _, s := range subjects {
					s.measure()
				}
			}
		}))
	}
	return subjects
}

// build sets the variant up and shows that its traffic passes; a forged packet must not.
func (s *subject) build(g *rig) {
	if s.bridged {
		s.host = bridgedHost(g, s.netfilter)
	} else {
		s.host = routedHost(g)
	}
	h := s.host
	if s.rules != nil {
		s.rules(g, h)
	}
	from := h.aAddr
	s.flow = newFlow(g, h.a.Namespace, netip.AddrPortFrom(from, 40000),
		netip.AddrPortFrom(h.bAddr, discardPort))
	h.establish(g, s.flow)
	if s.spoofed {
		from = netip.MustParseAddr("10.9.9.9")
		h.a.AddAddresses(g, "eth0", from.String()+"/32")
		s.flow = newFlow(g, h.a.Namespace, netip.AddrPortFrom(from, 40000),
			netip.AddrPortFrom(h.bAddr, discardPort))
		h.isStopped(g, s.flow)
	}
	h.discard(g, "9")
	s.listener = listen(g, h.b.Namespace, netip.AddrPortFrom(h.bAddr, echoPort))
	s.flow.burst(burstPackets / 4)
	if !s.packets {
		connections(h, s.listener, 20)
	}
}

// measure takes the best of three: what else the machine does only ever adds.
func (s *subject) measure() {
	must(pinned(1, func() {
		s.flow.burst(burstPackets / 3) // warms the caches of this host
		best := s.flow.burst(burstPackets)
		for range tries - 1 {
			best = min(best, s.flow.burst(burstPackets))
		}
		s.add(packetMetric, best)
	}))
	if s.packets {
		return
	}
	best := connections(s.host, s.listener, connectCount)
	for range tries - 1 {
		c := connections(s.host, s.listener, connectCount)
		best.cpu, best.connect = min(best.cpu, c.cpu), min(best.connect, c.connect)
	}
	s.add(crrMetric, best.cpu)
	s.add(connectMetric, best.connect)
}

func (s *subject) add(metric string, v float64) { s.samples[metric] = append(s.samples[metric], v) }
