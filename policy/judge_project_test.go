// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"testing"
)

// TestProjectClauses has one case at least for each decision of this project that the judge
// answers for. Flows and verdicts are in testdata/project.table.
func TestProjectClauses(t *testing.T) {
	all, web := podsOf("", ""), podsIn("shop", "app=web")
	runClauses(t, "project.table", []clause{
		{"S0.1 Admin, NetworkPolicy, Baseline, allow", newSet(
			cluster("admin", AdminTier, 1, all, ingress(rule(Deny, nil, tcp(1)))),
			netpol("shop/web", "app=web", ingress(rule(Accept, nil, tcpRange(1, 2)))),
			cluster("base", BaselineTier, 1, all,
				ingress(rule(Deny, nil, tcpRange(1, 3))), egress(rule(Deny, nil, tcp(9)))),
		)},
		{"S0.2 SegmentationPolicy and ClusterNetworkPolicy share the tiers", newSet(
			segmentation("s", AdminTier, 5, all, ingress(rule(Accept, nil, tcp(1)))),
			cluster("c", AdminTier, 6, all, ingress(rule(Deny, nil, tcpRange(1, 2)))),
			segmentation("t", AdminTier, 6, all, ingress(rule(Accept, nil, tcpRange(1, 3)))),
			segmentation("s", BaselineTier, 6, all, ingress(rule(Accept, nil, tcp(4)))),
			cluster("c", BaselineTier, 5, all, ingress(rule(Deny, nil))),
		)},
		{"S0.3 what is not understood is closed", newSet(
			segmentation("accept", AdminTier, 1, all, ingress(closedAccept("unknown peer"))),
			segmentation("deny", AdminTier, 2, podsIn("pay", ""), ingress(closedDeny("unknown"))),
			segmentation("segment", AdminTier, 3, all, ingress(
				rule(Accept, peers(segment("no-such")), tcp(1)))),
			netpol("shop/web", "app=web", ingress(closedAccept("unknown peer"))),
		)},
		{"S0.5 echo and other protocols follow the rules", newSet(
			netpol("shop/web", "app=web", ingress(rule(Accept, nil, tcp(80)))),
			netpol("shop/db", "app=db", ingress(rule(Accept, nil))),
			segmentation("echo", AdminTier, 1, podsIn("pay", ""), ingress(
				rule(Accept, nil, icmp(ProtocolICMP, 8)),
				rule(Accept, nil, icmp(ProtocolICMPv6, 128)),
				rule(Accept, nil, Port{Protocol: 89}),
				rule(Deny, nil))),
		)},
		{"S0.6 own address; the own node and NetworkPolicy", newSet(
			netpol("shop/web", "app=web", ingress(), egress()))},
		{"S0.6 rules that name the own node apply to it", newSet(
			segmentation("host", AdminTier, 1, podsIn("shop", ""),
				egress(rule(Accept, peers(entity(EntityHost)), udp(53)),
					rule(Reject, peers(entity(EntityHost)))),
				ingress(rule(Deny, peers(entity(EntityHost)), tcp(1)))),
			segmentation("address", BaselineTier, 1, podsIn("pay", ""),
				egress(rule(Deny, peers(cidr(hostIPv4+"/32"), cidr(hostIPv6+"/128")))),
				ingress(rule(Deny, peers(cidr("10.0.0.0/24"))))),
			netpol("pay/all", "", egress(rule(Accept, nil))),
		)},
		{"S0.7 a completed workload is in no set", newSet(
			segmentation("pci", AdminTier, 1, web, ingress(rule(Accept, peers(segment("pci"))))),
			netpol("shop/web", "app=web", ingress(rule(Accept, peers(podsOf("", "")))))).
			withSegment("pci", Member{Pods: all.Pods})},
		{"S0.9 Reject as an action, and by annotation", newSet(
			segmentation("r", AdminTier, 1, podsIn("pay", ""), ingress(rule(Reject, nil, tcp(1)))),
			cluster("c", AdminTier, 2, podsIn("pay", ""),
				ingress(rule(Deny, nil, tcp(2))), answering),
			netpol("shop/a", "app=web", ingress(), answering),
			netpol("shop/b", "app=db", ingress(), answering),
			netpol("shop/c", "app=db", ingress()),
			netpol("shop/d", "app=db", ingress(rule(Accept, nil, tcp(1))), audited),
			netpol("shop/e", "app=web", ingress(), audited),
		)},
		{"S0.10 an Audit policy decides nothing", newSet(
			cluster("admin", AdminTier, 1, all, ingress(rule(Deny, nil)), audited),
			netpol("shop/web", "app=web", ingress(), audited),
			netpol("shop/db", "app=db", ingress()),
			netpol("shop/db2", "app=db", ingress(rule(Accept, nil)), audited),
			cluster("base", BaselineTier, 1, all, ingress(rule(Deny, nil)), audited),
		)},
		{"entities and segments", newSet(
			segmentation("world", AdminTier, 1, podsIn("shop", "app=api"), egress(
				rule(Deny, peers(entity(EntityWorld))),
				rule(Reject, peers(entity(EntityEndpoints))))),
			segmentation("pci", AdminTier, 2, segment("pci"), ingress(
				rule(Accept, peers(segment("pci"))), rule(Deny, nil)))).
			withSegment("pci", Member{Networks: []string{"backend"}},
				Member{CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})},
		{"an isolated segment is closed to others and open inside", newSet(
			isolation("pci"),
			netpol("pay/db", "app=db", ingress(rule(Accept, nil, tcp(80))))).
			withSegment("pci", Member{Networks: []string{"backend"}})},
		{"always dropped, whatever the policy", newSet(
			segmentation("open", AdminTier, 1, all,
				ingress(rule(Accept, nil)), egress(rule(Accept, nil))))},
		{"the metadata address is judged like any other", newSet(
			segmentation("meta", AdminTier, 1, podsIn("shop", ""),
				egress(rule(Deny, peers(cidr("169.254.169.254/32"))))))},
	})
}

func icmp(protocol, kind uint8) Port { return Port{Protocol: protocol, ICMPType: &kind} }

// isolation is what `isolated: true` of a segment means.
func isolation(name string) *Policy {
	p := segmentation(name, BaselineTier, IsolationPriority, segment(name),
		ingress(rule(Accept, peers(segment(name))), rule(Deny, peers(entity(EntityEndpoints),
			entity(EntityWorld)))),
		egress(rule(Accept, peers(segment(name))), rule(Deny, peers(entity(EntityEndpoints),
			entity(EntityWorld)))))
	p.Ref.Kind = KindSegment
	return p
}
