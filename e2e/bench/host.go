// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

var background = context.Background()

// host is a host with the containers a and b.
type host struct {
	*testnet.Net
	a, b         *testnet.Container
	aPlug, bPlug testnet.Attachment
	aAddr, bAddr netip.Addr
}

// routedHost gives both a link of their own, as ptp does.
func routedHost(r *rig) *host {
	h := &host{Net: testnet.New(r), aAddr: netip.MustParseAddr("10.1.0.2"),
		bAddr: netip.MustParseAddr("10.1.0.3")}
	h.a, h.b = h.AddContainer(r, "a"), h.AddContainer(r, "b")
	plug := func(c *testnet.Container, name string, a netip.Addr) testnet.Attachment {
		return h.AttachRouted(r, c, testnet.Plug{HostInterface: name,
			Addresses: []string{a.String() + "/32"}, Gateways: []string{"169.254.1.1"}})
	}
	h.aPlug, h.bPlug = plug(h.a, "va", h.aAddr), plug(h.b, "vb", h.bAddr)
	return h
}

// bridgedHost plugs both into one bridge. With netfilter, the bridge hands its frames to the
// IP hooks.
func bridgedHost(r *rig, netfilter bool) *host {
	h := &host{Net: testnet.New(r), aAddr: netip.MustParseAddr("10.1.0.2"),
		bAddr: netip.MustParseAddr("10.1.0.3")}
	h.Bridge(r, "br0", "10.1.0.1/24")
	h.a, h.b = h.AddContainer(r, "a"), h.AddContainer(r, "b")
	plug := func(c *testnet.Container, name string, a netip.Addr) testnet.Attachment {
		return h.AttachBridged(r, c, "br0", testnet.Plug{HostInterface: name,
			Addresses: []string{a.String() + "/24"}, Gateways: []string{"10.1.0.1"}})
	}
	h.aPlug, h.bPlug = plug(h.a, "va", h.aAddr), plug(h.b, "vb", h.bAddr)
	if netfilter {
		links := need(link.Open(link.Options{NetNS: h.FD()}))
		defer links.Close()
		need(links.EnableBridgeNetfilter("br0"))
	}
	return h
}

// input is a and b as endpoints under the policies, with further endpoints of other nodes.
func (h *host) input(documents []string, others []compile.Endpoint) compile.Input {
	local := func(p testnet.Attachment) compile.Local {
		l := compile.Local{Port: p.HostInterface, Bridge: p.Bridge}
		copy(l.MAC[:], net.HardwareAddr(p.MAC))
		return l
	}
	endpoints := []compile.Endpoint{
		localEndpoint("a", map[string]string{"app": "a", "role": "client"}, local(h.aPlug), h.aAddr),
		localEndpoint("b", map[string]string{"app": "b"}, local(h.bPlug), h.bAddr),
	}
	return compile.Input{Policies: loadPolicies(documents...), Config: compile.DefaultConfig(),
		Endpoints: append(endpoints, others...)}
}

// discard makes b drop the packets that only the way to b is measured with, as early as b can.
func (h *host) discard(r *rig, ports string) {
	h.b.Nft(r, "table netdev bench { chain in { type filter hook ingress device eth0 "+
		"priority 0; udp dport "+ports+" drop; }; }")
}

// establish sends one packet of the flow and an answer, so that conntrack calls it established.
func (h *host) establish(r *rig, flow *udpFlow) {
	answer := newUDP(r, h.b.Namespace, netip.AddrPortFrom(h.bAddr, discardPort))
	defer answer.close()
	for range 50 {
		flow.send(1)
		if from, ok := answer.receive(100 * time.Millisecond); ok {
			answer.answer(from)
			if _, ok := flow.receive(500 * time.Millisecond); ok {
				return
			}
		}
	}
	r.Fatalf("no packet of %s got to b", strings.TrimSpace(h.aAddr.String()))
}

// isStopped shows that no packet of the flow reaches b.
func (h *host) isStopped(r *rig, flow *udpFlow) {
	answer := newUDP(r, h.b.Namespace, netip.AddrPortFrom(h.bAddr, discardPort))
	defer answer.close()
	flow.send(3)
	if _, ok := answer.receive(200 * time.Millisecond); ok {
		r.Fatalf("a forged packet got to b")
	}
}
