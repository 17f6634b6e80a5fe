// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/denials"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// floodRate is how many packets a second one endpoint sends that are refused.
const floodRate = 100_000

// denialsPart measures what it costs to tell of refused packets, above all while somebody floods.
func denialsPart(ctx context.Context, _ *rig, r *results) {
	for _, k := range floodKinds {
		must(ctx.Err())
		must(guarded(func(g *rig) { floods(ctx, g, r, k) }))
	}
	must(guarded(func(g *rig) { besideFlood(ctx, g, r) }))
	must(guarded(func(g *rig) { firstSight(ctx, g, r) }))
	must(guarded(func(g *rig) { eventCosts(g, r) }))
	for _, of := range scans {
		must(guarded(func(g *rig) { scanned(ctx, g, r, of) }))
	}
}

// closedWorld lets nobody reach what is closed, and flooders send to endpoints alone.
const closedWorld = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {matchLabels: {app: closed}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: flooder, namespace: shop}
spec:
  podSelector: {matchLabels: {app: flooder}}
  policyTypes: [Egress]
  egress: [{to: [{podSelector: {}}]}]
`

// otherEndpoints are refused now and then while one floods.
const otherEndpoints = 20

// denialSite is a node with an agent and endpoints that are refused: one floods the first of two
// closed endpoints, or the world, and the others try both.
type denialSite struct {
	*site
	daemon  *daemon
	flooder realPeer
	closed  [2]realPeer
	others  []realPeer
	// a and b may reach each other.
	a, b realPeer
}

func newDenialSite(g *rig, r *results, others int) *denialSite {
	s := &denialSite{site: newSite(g, 0)}
	must(os.WriteFile(filepath.Join(s.options.PolicyDir, "closed.yaml"), []byte(closedWorld), 0o600))
	s.populate(0)
	s.daemon, _ = s.startAgent(g, r)
	next := 0
	attach := func(app string) realPeer {
		next++
		return s.realEndpointOf(g, next, app)
	}
	s.flooder = attach("flooder")
	s.closed = [2]realPeer{attach("closed"), attach("closed")}
	s.a, s.b = attach("open"), attach("open")
	for range others {
		s.others = append(s.others, attach("other"))
	}
	up := s.net.AddContainer(g, "world")
	s.net.AttachRouted(g, up, testnet.Plug{HostInterface: "up0",
		Addresses: []string{"192.0.2.1/32"}, Gateways: []string{"169.254.1.1"}})
	s.net.AddRoute(g, "up0", worldNet.String(), "")
	return s
}

// worldNet is behind the uplink, if anything got there.
var worldNet = netip.MustParsePrefix("198.18.0.0/15")

// accounts is what the agent says of each counter.
func (s *denialSite) accounts() denials.Accounts {
	var a denials.Accounts
	reply := need(s.call(agentapi.Request{Verb: agentapi.VerbDenials}))
	must(reply.Decode(&a))
	return a
}

// settled waits until the agent has read the kernel's numbers so often after all is over that
// nothing can be on its way any more, and returns what it says then.
func (s *denialSite) settled(ctx context.Context, g *rig) denials.Accounts {
	const readings = 4
	last := s.accounts()
	seen := 0
	for start := time.Now(); time.Since(start) < 2*time.Minute; time.Sleep(100 * time.Millisecond) {
		must(ctx.Err())
		a := s.accounts()
		if a.Read != last.Read {
			last = a
			seen++
		}
		if seen == readings {
			return a
		}
	}
	g.Fatalf("agent: %d readings of the kernel's numbers in two minutes, want %d", seen, readings)
	return last
}

func name(k floodKind) string {
	return fmt.Sprintf("%d denials/s, %s: ", floodRate, k.name)
}
