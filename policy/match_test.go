// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"net/netip"
	"testing"
)

func TestNamespaceLabels(t *testing.T) {
	s := &Set{Namespaces: map[string]map[string]string{
		"shop": {"team": "a"},
		"liar": {NamespaceNameLabel: "kube-system"},
	}}
	for namespace, want := range map[string]map[string]string{
		"shop":       {"team": "a", NamespaceNameLabel: "shop"},
		"liar":       {NamespaceNameLabel: "liar"},
		"undeclared": {NamespaceNameLabel: "undeclared"},
	} {
		got := s.NamespaceLabels(namespace)
		if !maps.Equal(got, want) {
			t.Errorf("labels of %s: got %v want %v", namespace, got, want)
		}
		got["team"] = "changed"
	}
	if got := s.Namespaces["shop"]["team"]; got != "a" {
		t.Errorf("declared labels after a change to the copy: got team=%s want team=a", got)
	}
}

func TestPeerMatches(t *testing.T) {
	s := newSet().withSegment("pci",
		Member{Pods: podsOf("team=b", "app=api").Pods},
		Member{Networks: []string{"backend", ""}},
		Member{CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	all := []string{"shop/web", "shop/db", "pay/api", "host", "10.9.9.9", "192.0.2.1"}
	for _, c := range []struct {
		name string
		peer Peer
		want string // one mark per party of all
	}{
		{"pods of every namespace", podsOf("", ""), "+++---"},
		{"pods of no namespace", Peer{Pods: &PodSelector{Selector: Everything()}}, "------"},
		{"pods of a namespace", podsIn("shop", ""), "++----"},
		{"segment", segment("pci"), "-++-+-"},
		{"unknown segment", segment("dmz"), "------"},
		{"cidr", cidr("10.0.0.0/8"), "+++++-"},
		{"cidr with except", cidr("0.0.0.0/0", "10.0.0.0/16", "10.1.0.10/32"), "-++-++"},
		{"Host", entity(EntityHost), "---+--"},
		{"Endpoints", entity(EntityEndpoints), "+++---"},
		{"World", entity(EntityWorld), "----++"},
		{"unknown entity", entity("Moon"), "------"},
		{"empty peer", Peer{}, "------"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			for _, name := range all {
				mark := "-"
				if s.PeerMatches(c.peer, partyOf(t, name)) {
					mark = "+"
				}
				got += mark
			}
			if got != c.want {
				t.Errorf("%s against %v: got %s want %s", c.peer.Key(), all, got, c.want)
			}
		})
	}
}

// A rule on an address must not be evaded by another spelling of the address.
func TestPeerMatchesEverySpelling(t *testing.T) {
	s := newSet()
	for _, c := range []struct{ peer, address string }{
		{"192.0.2.0/24", "::ffff:192.0.2.1"},
		{"fe80::/10", "fe80::1%eth0"},
	} {
		p := Party{Addr: netip.MustParseAddr(c.address)}
		if !s.PeerMatches(cidr(c.peer), p) {
			t.Errorf("cidr %s: got no match for %s", c.peer, c.address)
		}
	}
}

func TestSubjectIsAnEndpoint(t *testing.T) {
	s := newSet().withSegment("backend", Member{Networks: []string{"backend"}})
	db, web := endpointNamed(t, "shop/db"), endpointNamed(t, "shop/web")
	p := segmentation("p", AdminTier, 1, segment("backend"))
	if !s.Selects(p, db) || s.Selects(p, web) || s.Selects(p, nil) {
		t.Error("segment subject: want shop/db alone, and never nil")
	}
	if s.Selects(&Policy{}, db) {
		t.Error("a policy without a subject selects shop/db")
	}
}

func TestPortMatchesNeedsItsProtocol(t *testing.T) {
	s, api := newSet(), "shop/api"
	eight := uint8(8)
	for _, c := range []struct {
		port Port
		to   string
		flow string
		want bool
	}{
		{tcp(80), api, "tcp/80", true},
		{tcp(80), api, "sctp/80", false},
		{udp(53), api, "tcp/53", false},
		{named(0, "dns"), api, "udp/53", true},
		{named(0, "dns"), api, "tcp/53", false},
		{named(ProtocolTCP, "dns"), api, "udp/53", false},
		{named(0, "http"), "192.0.2.1", "tcp/9090", false},
		{named(0, "http"), "host", "tcp/9090", false},
		{Port{Protocol: ProtocolICMP, ICMPType: &eight}, api, "icmp/8/0", true},
		{Port{Protocol: ProtocolICMP, ICMPType: &eight}, api, "icmp/0/0", false},
		{Port{Protocol: ProtocolICMP, ICMPCode: &eight}, api, "icmp/3/8", true},
		{Port{Protocol: ProtocolICMP}, api, "icmpv6/8/0", false},
		{Port{Protocol: 47}, api, "ip/47", true},
		{Port{Protocol: 47}, api, "ip/50", false},
	} {
		f := flowOf(t, "shop/web", c.to, c.flow)
		if got := s.PortMatches(c.port, f); got != c.want {
			t.Errorf("%s against %s: got %v want %v", c.port.Key(), f, got, c.want)
		}
	}
}
