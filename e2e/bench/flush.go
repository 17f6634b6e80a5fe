// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// flushRules is how many rules concern each endpoint of the node whose rules are flushed.
const flushRules = 50

// flushes measures how soon an agent restores what a foreign "nft flush ruleset" took away, and
// what passes through a door that should be closed meanwhile.
func flushes(ctx context.Context, g *rig, r *results) {
	const endpoints = 250
	s := newSite(g, 0)
	for i := range 50 {
		must(os.WriteFile(filepath.Join(s.options.PolicyDir, fmt.Sprintf("p%05d.yaml", i)),
			[]byte(rulesPolicy(i, flushRules)), 0o600))
	}
	s.populate(endpoints)
	s.startAgent(g, r)
	a, b := s.realEndpoint(g, 1), s.realEndpoint(g, 2)
	ear := newEar(g, b.box.Namespace, netip.AddrPortFrom(b.addr, 4000))
	flow := newFlow(g, a.box.Namespace, netip.AddrPortFrom(a.addr, 0),
		netip.AddrPortFrom(b.addr, 4000))
	events := s.commits(g)
	var stop atomic.Bool
	done := make(chan error, 1)
	go func() {
		done <- pinned(1, func() {
			for !stop.Load() {
				flow.send(1)
				time.Sleep(100 * time.Microsecond)
			}
		})
	}()
	var restored, passed []float64
	for range 40 {
		must(ctx.Err())
		time.Sleep(250 * time.Millisecond)
		ear.reset()
		s.net.Run(g, "nft", "flush", "ruleset")
		start := nextCommit(g, events, "flush")
		restored = append(restored, ms(nextCommit(g, events, "repair").Sub(start)))
		time.Sleep(20 * time.Millisecond)
		passed = append(passed, float64(ear.count.Load()))
	}
	stop.Store(true)
	must(<-done)
	name := fmt.Sprintf("foreign flush, %d endpoints x %d rules: ", endpoints, flushRules)
	r.sample(name+"flushed to restored", "ms", restored)
	r.sample(name+"packets through a closed door meanwhile, one every 0.1 ms", "", passed)
	r.atMost("agent", name+"restored, p99", quantile(restored, 0.99), 1000, "ms", "")
}

// rulesPolicy isolates an app, and lets as many callers in as there are rules.
func rulesPolicy(i, rules int) string {
	text := strings.SplitAfter(servicePolicy(i, fmt.Sprintf("app%d", i)), "ingress:\n")[0]
	for n := range rules {
		text += fmt.Sprintf("  - from: [{podSelector: {matchLabels: {caller: c%d}}}]\n"+
			"    ports: [{protocol: TCP, port: %d}]\n", n, servicePort(n))
	}
	return text
}

// realPeer is an endpoint with a link that packets go through.
type realPeer struct {
	box  *testnet.Container
	addr netip.Addr
	id   string
}

// realEndpoint makes a container and attaches it through the agent, as app1 that nobody may reach.
func (s *site) realEndpoint(g *rig, i int) realPeer { return s.realEndpointOf(g, i, "app1") }

func (s *site) realEndpointOf(g *rig, i int, app string) realPeer {
	p := realPeer{s.net.AddContainer(g, fmt.Sprintf("real%d", i)),
		netip.AddrFrom4([4]byte{10, 1, 0, byte(10 + i)}), ""}
	plug := s.net.AttachRouted(g, p.box, testnet.Plug{Addresses: []string{p.addr.String() + "/32"},
		Gateways: []string{"169.254.1.1"}})
	id := fmt.Sprintf("real%d", i)
	at := endpoint.Attachment{
		Endpoint: policy.Endpoint{ID: endpoint.ID(id, "eth0"), Namespace: "shop", Name: id,
			Interface: "eth0", Labels: map[string]string{"app": app}, Addresses: plug.Addresses},
		ContainerID: id, NetworkName: "bench", HostInterface: plug.HostInterface,
		MAC: plug.MAC.String(), Created: time.Now().UTC().Round(0),
	}
	need(s.call(agentapi.Request{Verb: agentapi.VerbAttach, Attach: &at}))
	p.id = at.Endpoint.ID
	return p
}
