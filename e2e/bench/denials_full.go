// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// scan is what the per-flow sets hold after one.
type scan struct {
	what string
	sets []string
	// elements are in each set of each family, scanners the endpoints that they are of.
	elements, scanners int
}

// One endpoint gets 64 new flows a second noted, in each family, and they stay for ten minutes. A
// set takes 65,536.
var scans = []scan{
	{"one endpoint has scanned for ten minutes: ", []string{"egress"}, 64 * 600, 1},
	{"all per-flow sets full, 8 x 65,536: ",
		[]string{"egress", "ingress", "egress-other", "ingress-other"}, 65536, 250},
}

// scanned measures what the agent needs when the per-flow sets hold flows of endpoints to addresses
// that are all different, as after a long scan.
func scanned(ctx context.Context, g *rig, r *results, of scan) {
	s := &denialSite{site: newSite(g, 0)}
	must(os.WriteFile(filepath.Join(s.options.PolicyDir, "closed.yaml"), []byte(closedAll), 0o600))
	s.populate(250)
	s.daemon, _ = s.startAgent(g, r)
	s.settled(ctx, g)
	quiet, _ := s.daemon.memory()
	dice := rand.New(rand.NewPCG(5, 6))
	for _, family := range []string{"ip", "ip6"} {
		for _, set := range of.sets {
			s.net.Nft(g, of.elementsOf(dice, family, set))
		}
	}
	before, start := s.daemon.cpu(), time.Now()
	s.settled(ctx, g)
	used := (s.daemon.cpu() - before).Seconds() / time.Since(start).Seconds()
	now, peak := s.daemon.memory()
	r.sample(of.what+"agent, RSS before", "MiB", []float64{quiet})
	r.sample(of.what+"agent, RSS", "MiB", []float64{now})
	w := s.accounts().Window
	r.atMost("denials", of.what+"agent, peak RSS", peak, 200, "MiB", fmt.Sprintf(
		"%d flows and %d keys remembered, %d packets not", w.Flows, w.Keys, w.Unremembered))
	r.atMost("denials", of.what+"agent, CPU", used, 1, "cores", "")
}

const closedAll = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
`

// elementsOf are the elements of a full set, in the words of nft.
func (s scan) elementsOf(dice *rand.Rand, family, set string) string {
	far := func() netip.Addr {
		if family == "ip6" {
			return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 12: byte(dice.Uint32()),
				13: byte(dice.Uint32()), 14: byte(dice.Uint32()), 15: byte(dice.Uint32())})
		}
		return netip.AddrFrom4([4]byte{byte(11 + dice.IntN(80)), byte(dice.Uint32()),
			byte(dice.Uint32()), byte(dice.Uint32())})
	}
	near := func() netip.Addr {
		if family == "ip6" {
			return netip.AddrFrom16([16]byte{0xfd, 15: byte(dice.IntN(s.scanners))})
		}
		return attachmentOf(dice.IntN(s.scanners)).Endpoint.Addresses[0]
	}
	var b strings.Builder
	fmt.Fprintf(&b, "add element %s bulkhead denied-%s {\n", family, set)
	for range s.elements {
		client, server, service := near(), far(), "udp"
		if strings.HasPrefix(set, "ingress") {
			client, server = server, client
		}
		if strings.HasSuffix(set, "other") {
			service = "esp"
		} else {
			service = fmt.Sprintf("udp . %d", 1+dice.IntN(65535))
		}
		fmt.Fprintf(&b, "%s . %s . %s counter packets 3 bytes 180,\n", client, server, service)
	}
	b.WriteString("}\n")
	return b.String()
}
