// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/denials"
	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/nflog"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// eventCosts measures the CPU time of one logged packet, where the rules log every one: to read it
// and its headers, and all the way into a record.
func eventCosts(g *rig, r *results) {
	h := routedHost(g)
	h.AddRoute(g, "vb", worldNet.String(), "")
	in := h.input([]string{closedB}, nil)
	compiled, groups, _ := compile.CompileGroups(in)
	logAll(compiled)
	installRuleset(g, h.FD(), compiled)
	links := need(link.Open(link.Options{NetNS: h.FD()}))
	defer links.Close()
	w := &eventWork{names: need(links.Names()), history: historyOf(in, groups)}
	reader := need(nflog.Open(nflog.Options{NetNS: h.FD(), Group: in.Config.LogGroup}))
	defer reader.Close()
	const bursts = 12
	for _, k := range floodKinds[:2] {
		next := aimedAt(k, h.bAddr)
		f := newUDP(g, h.a.Namespace, netip.AddrPortFrom(h.aAddr, 0))
		var raw, through []float64
		for range bursts {
			raw = append(raw, w.burst(g, reader, f, next, w.headers))
			through = append(through, w.burst(g, reader, f, next, w.record))
		}
		name := "CPU of a logged packet, " + k.name + ": "
		r.atMost("denials", name+"read with its headers", r.sample(name+"read with its headers",
			"us", raw), 0.7, "us", "")
		r.atMost("denials", name+"into a record", r.sample(name+"into a record", "us", through), 2,
			"us", "")
	}
	if w.stats().Disagreed > 0 || w.foreign > 0 {
		g.Fatalf("events: got %d that policy does not explain and %d foreign, want none",
			w.stats().Disagreed, w.foreign)
	}
}

const closedB = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {matchLabels: {app: b}}}
`

// logAll takes the rates away, with which the rules sample.
func logAll(r *ruleset.Ruleset) {
	for _, t := range r.Tables {
		for _, c := range t.Chains {
			for i := range c.Rules {
				s := c.Rules[i].Statements
				if slices.ContainsFunc(s, isLog) {
					c.Rules[i].Statements = slices.DeleteFunc(slices.Clone(s), isUpdate)
				}
			}
		}
	}
}

func isLog(s ruleset.Statement) bool { _, ok := s.(ruleset.Log); return ok }

func isUpdate(s ruleset.Statement) bool { _, ok := s.(ruleset.Update); return ok }

func historyOf(in compile.Input, groups map[string]compile.Groups) *flow.History {
	var known []flow.Endpoint
	for _, e := range in.Endpoints {
		known = append(known, flow.Endpoint{Endpoint: e.Endpoint, Local: true, Port: e.Local.Port,
			Bridge: e.Local.Bridge})
	}
	s := &flow.Snapshot{Generation: 1, Policies: in.Policies, Index: flow.NewIndex(known),
		Groups: map[string]flow.Groups{}}
	for id, of := range groups {
		s.Groups[id] = flow.Groups(of)
	}
	h := flow.NewHistory()
	h.Add(s)
	return h
}

// eventWork is what an agent does with a packet.
type eventWork struct {
	names   map[uint32]string
	history *flow.History
	window  *flow.Window
	foreign int
	all     flow.Stats
}

func (w *eventWork) stats() flow.Stats { return w.all }

func (w *eventWork) headers(m *nflog.Message) {
	_, _ = m.Decode() // a packet may end in a header
}

func (w *eventWork) record(m *nflog.Message) {
	ev, ours := denials.EventOf(m, func(i uint32) string { return w.names[i] })
	if !ours {
		w.foreign++
		return
	}
	a := w.history.Attribute(&ev)
	w.window.Add(&a)
}

// burst has packets logged and returns the CPU time of the thread that reads them, in microseconds
// for each.
func (w *eventWork) burst(g *rig, reader *nflog.Reader, f *udpFlow, next func() netip.AddrPort,
	work func(*nflog.Message)) float64 {
	const packets = 20_000
	w.window = flow.NewWindow(flow.DefaultLimits(), time.Now())
	for range packets {
		f.sendTo(next())
	}
	got, used := 0, time.Duration(0)
	must(pinned(1, func() {
		start := threadTime()
		for got < packets {
			ctx, cancel := context.WithTimeout(background, time.Second)
			b, err := reader.Read(ctx)
			cancel()
			if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrClosed) {
				break
			}
			must(err)
			for i := range b.Messages {
				work(&b.Messages[i])
			}
			got += len(b.Messages) + int(b.Lost.Gaps)
		}
		used = threadTime() - start
	}))
	if got < packets {
		g.Fatalf("log: got %d packets of %d", got, packets)
	}
	w.all.Disagreed += w.window.Stats().Disagreed
	return float64(used) / 1e3 / packets
}
