// SPDX-License-Identifier: Apache-2.0

package policy

import "testing"

func TestPortKey(t *testing.T) {
	eight, zero := uint8(8), uint8(0)
	for _, c := range []struct {
		port Port
		want string
	}{
		{tcp(80), "tcp/80"},
		{tcpRange(80, 90), "tcp/80-90"},
		{wholeProtocol(ProtocolUDP), "udp"},
		{tcp(0), "tcp/0"},
		{sctp(65535), "sctp/65535"},
		{named(ProtocolTCP, "http"), `tcp/"http"`},
		{named(0, "http"), `any/"http"`},
		{Port{Protocol: ProtocolICMP}, "icmp"},
		{Port{Protocol: ProtocolICMP, ICMPType: &eight}, "icmp/8/*"},
		{Port{Protocol: ProtocolICMP, ICMPType: &eight, ICMPCode: &zero}, "icmp/8/0"},
		{Port{Protocol: ProtocolICMPv6, ICMPCode: &zero}, "icmpv6/*/0"},
		{Port{Protocol: 47}, "protocol 47"},
	} {
		if got := c.port.Key(); got != c.want {
			t.Errorf("port %+v: got key %s want %s", c.port, got, c.want)
		}
	}
}

func TestPeerKey(t *testing.T) {
	for _, c := range []struct {
		peer Peer
		want string
	}{
		{podsIn("shop", "app=web"), `pods app=web in namespace "shop"`},
		{podsOf("team=a", ""), `pods {} in namespaces team=a`},
		{Peer{Pods: &PodSelector{Namespace: "shop", NamespaceSelector: Everything(),
			Selector: Everything()}}, `pods {} in namespace "shop"`},
		{segment("pci"), `segment "pci"`},
		{cidr("10.9.9.9/8"), "cidr 10.0.0.0/8"},
		{cidr("10.0.0.0/8", "10.2.0.0/16", "10.1.0.0/16", "10.2.3.4/16"),
			"cidr 10.0.0.0/8 except 10.1.0.0/16,10.2.0.0/16"},
		{entity(EntityHost), "entity Host"},
		{Peer{}, "nobody"},
	} {
		if got := c.peer.Key(); got != c.want {
			t.Errorf("peer: got key %s want %s", got, c.want)
		}
	}
	if got := (*PodSelector)(nil).Key(); got != "no pods" {
		t.Errorf("nil pod selector: got key %s want no pods", got)
	}
}
