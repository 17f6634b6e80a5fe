// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// The world of the tables: two namespaces with workloads, and the own node. Everybody else is
// the world.
const (
	hostIPv4 = "10.0.0.1"
	hostIPv6 = "fd00::1"
)

var worldNamespaces = map[string]map[string]string{"shop": {"team": "a"}, "pay": {"team": "b"}}

var worldEndpoints = []*Endpoint{
	workload("shop/web", "10.1.0.10", "fd00:1::10", NamedPort{"http", ProtocolTCP, 8080}),
	workload("shop/api", "10.1.0.11", "fd00:1::11", NamedPort{"http", ProtocolTCP, 9090},
		NamedPort{"dns", ProtocolUDP, 53}),
	workload("shop/db", "10.1.0.12", "fd00:1::12", NamedPort{"sql", ProtocolTCP, 5432}),
	workload("pay/api", "10.2.0.11", "fd00:2::11", NamedPort{"http", ProtocolTCP, 7070},
		NamedPort{"dns", ProtocolTCP, 53}),
	workload("pay/db", "10.2.0.12", "fd00:2::12"),
}

// workload has the label app=NAME, and is attached to the network "backend" if it is a db.
func workload(name, ipv4, ipv6 string, ports ...NamedPort) *Endpoint {
	namespace, app, _ := strings.Cut(name, "/")
	e := &Endpoint{ID: name + "/eth0", Namespace: namespace, Name: app, Interface: "eth0",
		Labels: map[string]string{"app": app}, Ports: ports,
		Addresses: []netip.Addr{netip.MustParseAddr(ipv4), netip.MustParseAddr(ipv6)}}
	if app == "db" {
		e.Network = "backend"
	}
	return e
}

func endpointNamed(t *testing.T, name string) *Endpoint {
	t.Helper()
	for _, e := range worldEndpoints {
		if e.String() == name {
			return e
		}
	}
	t.Fatalf("no endpoint %q in the world", name)
	return nil
}

// newSet is the world with these policies, in order.
func newSet(policies ...*Policy) *Set {
	SortPolicies(policies)
	return &Set{Policies: policies, Namespaces: worldNamespaces, Segments: map[string]*Segment{}}
}

// withSegment adds a segment to the set.
func (s *Set) withSegment(name string, members ...Member) *Set {
	s.Segments[name] = &Segment{Ref: Ref{Kind: KindSegment, Name: name}, Members: members}
	return s
}

// policyPart fills in one part of a policy.
type policyPart func(*Policy)

// netpol is a NetworkPolicy for the pods of its namespace that the labels select.
func netpol(name, labels string, parts ...policyPart) *Policy {
	namespace, short, _ := strings.Cut(name, "/")
	p := &Policy{Tier: NetworkPolicyTier, Mode: Enforce,
		Ref:     Ref{Kind: KindNetworkPolicy, Namespace: namespace, Name: short},
		Subject: Subject{Pods: podsIn(namespace, labels).Pods}}
	for _, part := range parts {
		part(p)
	}
	return p
}

// cluster is a ClusterNetworkPolicy for the pods that the peer names.
func cluster(name string, tier Tier, priority int32, subject Peer, parts ...policyPart) *Policy {
	p := &Policy{Tier: tier, Priority: priority, Mode: Enforce,
		Ref:     Ref{Kind: KindClusterNetworkPolicy, Name: name},
		Subject: Subject{Pods: subject.Pods, Segment: subject.Segment}}
	for _, part := range parts {
		part(p)
	}
	return p
}

// segmentation is a SegmentationPolicy.
func segmentation(name string, tier Tier, priority int32, subject Peer,
	parts ...policyPart) *Policy {
	p := cluster(name, tier, priority, subject, parts...)
	p.Ref.Kind = KindSegmentationPolicy
	return p
}

func ingress(rules ...Rule) policyPart { return rulesOf(Ingress, rules) }
func egress(rules ...Rule) policyPart  { return rulesOf(Egress, rules) }

func rulesOf(d Direction, rules []Rule) policyPart {
	return func(p *Policy) {
		for i := range rules {
			rules[i].Index = i
		}
		p.Rules[d] = rules
		p.Isolates[d] = p.Tier == NetworkPolicyTier
	}
}

// unlisted is a direction whose rules are there but that policyTypes does not list.
func unlisted(d Direction) policyPart { return func(p *Policy) { p.Isolates[d] = false } }

func audited(p *Policy)   { p.Mode = Audit }
func answering(p *Policy) { p.DenyAction = Reject }

// rule has no peers for "every peer", and no ports for "every port".
func rule(action Action, peers []Peer, ports ...Port) Rule {
	return Rule{Action: action, Peers: peers, AnyPeer: peers == nil,
		Ports: ports, AnyPort: ports == nil}
}

func peers(list ...Peer) []Peer { return list }

// podsIn selects by labels in one namespace; podsOf in the namespaces that have the labels.
func podsIn(namespace, labels string) Peer {
	return Peer{Pods: &PodSelector{Namespace: namespace, Selector: labelled(labels)}}
}

func podsOf(namespaceLabels, labels string) Peer {
	return Peer{Pods: &PodSelector{NamespaceSelector: labelled(namespaceLabels),
		Selector: labelled(labels)}}
}

func cidr(prefix string, except ...string) Peer {
	c := &CIDR{Prefix: netip.MustParsePrefix(prefix)}
	for _, x := range except {
		c.Except = append(c.Except, netip.MustParsePrefix(x))
	}
	return Peer{CIDR: c}
}

func entity(e Entity) Peer     { return Peer{Entity: e} }
func segment(name string) Peer { return Peer{Segment: name} }

func tcp(port uint16) Port                { return portRange(ProtocolTCP, port, port) }
func udp(port uint16) Port                { return portRange(ProtocolUDP, port, port) }
func sctp(port uint16) Port               { return portRange(ProtocolSCTP, port, port) }
func tcpRange(a, b uint16) Port           { return portRange(ProtocolTCP, a, b) }
func wholeProtocol(p uint8) Port          { return portRange(p, 0, 65535) }
func named(p uint8, n string) Port        { return Port{Protocol: p, Named: n} }
func portRange(p uint8, a, b uint16) Port { return Port{Protocol: p, First: a, Last: b} }

// labelled reads "app=web,tier=db"; the empty text selects everything.
func labelled(text string) Selector {
	from := &LabelSelector{MatchLabels: map[string]string{}}
	for _, pair := range slices.DeleteFunc(strings.Split(text, ","), isEmpty) {
		key, value, _ := strings.Cut(pair, "=")
		from.MatchLabels[key] = value
	}
	s, err := NewSelector(from)
	if err != nil {
		panic(err)
	}
	return s
}

func isEmpty(text string) bool { return text == "" }
