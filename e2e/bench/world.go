// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// The ports that the data plane uses on b, all allowed where there are policies.
const (
	discardPort = 9    // dropped behind b's own interface
	echoPort    = 7    // TCP
	fillPort    = 4000 // and the thousand after it: flows that fill conntrack
)

// peerAddress numbers addresses of endpoints of other nodes.
func peerAddress(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{100, byte(64 + i>>16), byte(i >> 8), byte(i)})
}

func localEndpoint(id string, labels map[string]string, l compile.Local,
	addrs ...netip.Addr) compile.Endpoint {
	return compile.Endpoint{Local: &l, Endpoint: &policy.Endpoint{ID: id, Namespace: "shop",
		Name: id, Interface: "eth0", Labels: labels, Addresses: addrs}}
}

func remoteEndpoint(i int, labels map[string]string) compile.Endpoint {
	name := fmt.Sprintf("peer%d", i)
	return compile.Endpoint{Endpoint: &policy.Endpoint{ID: name + "/eth0", Namespace: "shop",
		Name: name, Interface: "eth0", Labels: labels, Addresses: []netip.Addr{peerAddress(i)}}}
}

// allowClients lets everything labelled role=client reach b on the ports in use.
const allowClients = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-clients, namespace: shop}
spec:
  podSelector: {matchLabels: {app: b}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {role: client}}}]
    ports:
    - {protocol: TCP, port: 7}
    - {protocol: UDP, port: 9}
    - {protocol: UDP, port: 4000, endPort: 4999}
`

// servicePolicy is the i-th of many policies: it lets one of fifty callers reach a port of its
// own on the endpoints of an app.
func servicePolicy(i int, app string) string {
	return fmt.Sprintf(`apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: service-%d, namespace: shop}
spec:
  podSelector: {matchLabels: {app: %s}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {caller: c%d}}}]
    ports: [{protocol: TCP, port: %d}]
`, i, app, i%50, servicePort(i))
}

func servicePort(i int) int { return 10000 + i }

// loadPolicies reads documents that must be without error.
func loadPolicies(documents ...string) *policy.Set {
	set := policy.Load([]policy.File{{Name: "bench.yaml",
		Data: []byte(strings.Join(documents, "---\n"))}}, nil)
	for _, p := range set.Problems {
		must(fmt.Errorf("policy: %s", p))
	}
	return set
}

// install puts a compiled ruleset into the kernel of a namespace and returns it.
func install(r *rig, netns int, in compile.Input) *ruleset.Ruleset {
	compiled, conflicts := compile.Compile(in)
	if len(conflicts) > 0 {
		r.Fatalf("endpoints: %s is claimed twice", conflicts[0].Addr)
	}
	return installRuleset(r, netns, compiled)
}

func installRuleset(r *rig, netns int, compiled *ruleset.Ruleset) *ruleset.Ruleset {
	stamped := compile.DefaultConfig().Stamped(compiled, compile.Stamp{Generation: 1, Epoch: 1})
	kernel := need(nft.Open(nft.Options{NetNS: netns}))
	r.Cleanup(func() { kernel.Close() })
	must(kernel.Apply(background, ruleset.Diff(nil, stamped)))
	return stamped
}

// attachmentOf is the i-th of many endpoints of a node, on a link that nobody sends through.
func attachmentOf(i int) endpoint.Attachment {
	id := fmt.Sprintf("container%05d", i)
	return endpoint.Attachment{
		Endpoint: policy.Endpoint{ID: endpoint.ID(id, "eth0"), Namespace: "shop", Name: id,
			Interface: "eth0", Labels: map[string]string{
				"app": fmt.Sprintf("app%d", i%50), "caller": fmt.Sprintf("c%d", i%50)},
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 200, byte(i >> 8), byte(i)})}},
		ContainerID: id, NetworkName: "bench", HostInterface: fmt.Sprintf("veth%d", i),
		MAC: fmt.Sprintf("02:00:00:00:%02x:%02x", i>>8&0xff, i&0xff),
	}
}
