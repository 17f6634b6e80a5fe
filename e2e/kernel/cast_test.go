// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/randpolicy"
	"github.com/bulkhead-net/bulkhead/policy"
)

// The cast of the clauses: two namespaces with workloads, the own node, and the world.
const namespaceDocuments = `apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: a}}
---
apiVersion: v1
kind: Namespace
metadata: {name: pay, labels: {team: b}}`

var (
	castGateways = []string{"10.0.0.1", "fd00::1"}
	castHost     = []string{"198.51.100.1", "2001:db8:5::1"}
	// castWorld are pairs; the first is "world", the second "world2", and all have names.
	castWorld = []string{"192.0.2.1", "2001:db8::1", "203.0.113.7", "2001:db8:1::7",
		"192.0.2.129", "2001:db8::8001", "192.0.2.200", "2001:db8::80c8"}
	castNames = []string{"world", "world2", "world129", "world200"}
)

var castEndpoints = []*policy.Endpoint{
	workload("shop/web", "10.1.0.10", "fd00:1::10", named("http", 6, 8080)),
	workload("shop/api", "10.1.0.11", "fd00:1::11", named("http", 6, 9090), named("dns", 17, 53)),
	workload("shop/db", "10.1.0.12", "fd00:1::12", named("sql", 6, 5432)),
	workload("pay/api", "10.2.0.11", "fd00:2::11", named("http", 6, 443), named("dns", 6, 53)),
	workload("pay/db", "10.2.0.12", "fd00:2::12"),
}

func named(name string, protocol uint8, port uint16) policy.NamedPort {
	return policy.NamedPort{Name: name, Protocol: protocol, Port: port}
}

// workload has the label app=NAME, and is attached to the network "backend" if it is a db.
func workload(name, ipv4, ipv6 string, ports ...policy.NamedPort) *policy.Endpoint {
	namespace, app, _ := strings.Cut(name, "/")
	e := &policy.Endpoint{ID: name + "/eth0", Namespace: namespace, Name: app, Interface: "eth0",
		Labels: map[string]string{"app": app}, Ports: ports,
		Addresses: []netip.Addr{netip.MustParseAddr(ipv4), netip.MustParseAddr(ipv6)}}
	if app == "db" {
		e.Network = "backend"
	}
	return e
}

// castPlaces attaches the workloads: to bridges, pay/db to another one than the rest, or to
// routed links.
func castPlaces(attached string) []randpolicy.Endpoint {
	var out []randpolicy.Endpoint
	for i, e := range castEndpoints {
		p := randpolicy.Endpoint{Endpoint: e, Port: fmt.Sprint("veth", i),
			MAC: [6]byte{2, 0, 0, 0, 1, byte(i)}}
		if attached == "bridge" {
			p.Bridge = "br0"
			if e.Namespace == "pay" && e.Name == "db" {
				p.Bridge = "br1"
			}
		}
		out = append(out, p)
	}
	return out
}

func newClauseNode(t testing.TB, attached string, netfilter bool) *node {
	t.Helper()
	return newNode(t, layout{places: castPlaces(attached), gateways: castGateways,
		host: castHost, world: castWorld, netfilter: netfilter})
}

// partyNamed knows the workloads, "host", "host2" (another address of the node), and the world.
func partyNamed(t testing.TB, place, name string, v6 bool) policy.Party {
	t.Helper()
	family := 0
	if v6 {
		family = 1
	}
	for _, e := range castEndpoints {
		if e.Namespace+"/"+e.Name == name {
			return policy.Party{Endpoint: e, Addr: e.Addresses[family]}
		}
	}
	switch i := slices.Index(castNames, name); {
	case i >= 0:
		return policy.Party{Addr: netip.MustParseAddr(castWorld[2*i+family])}
	case name == "host":
		return policy.Party{Host: true, Addr: netip.MustParseAddr(castGateways[family])}
	case name == "host2":
		return policy.Party{Host: true, Addr: netip.MustParseAddr(castHost[family])}
	}
	t.Fatalf("%s: no party is called %q", place, name)
	return policy.Party{}
}
