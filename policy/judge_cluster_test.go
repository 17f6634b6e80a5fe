// SPDX-License-Identifier: Apache-2.0

package policy

import "testing"

// TestClusterNetworkPolicyClauses has one case at least for each clause of ClusterNetworkPolicy
// that the judge answers for. Flows and verdicts are in testdata/cluster.table.
func TestClusterNetworkPolicyClauses(t *testing.T) {
	all, api := podsOf("", ""), podsOf("", "app=api")
	runClauses(t, "cluster.table", []clause{
		{"S2.2 subject by namespaces, and by pods", newSet(
			cluster("team-b", AdminTier, 1, podsOf("team=b", ""), ingress(rule(Deny, nil, tcp(1)))),
			cluster("apis", AdminTier, 2, api, ingress(rule(Deny, nil, tcp(2)))),
			cluster("db-a", AdminTier, 3, podsOf("team=a", "app=db"),
				ingress(rule(Deny, nil, tcp(3)))),
		)},
		{"S2.2 peers by namespaces, pods and networks", newSet(
			cluster("p", AdminTier, 1, podsIn("shop", "app=web"),
				ingress(rule(Deny, peers(podsOf("team=b", ""))), rule(Reject, peers(api))),
				egress(rule(Deny, peers(cidr("192.0.2.0/24"), cidr("2001:db8::/32"))))),
		)},
		{"S2.2 protocols: numbers, ranges, named ports, and all without", newSet(
			cluster("p", AdminTier, 1, podsIn("shop", ""), ingress(
				rule(Deny, peers(podsOf("team=b", "")), tcp(80), udp(53), sctp(9),
					tcpRange(1000, 2000), named(0, "http")),
				rule(Deny, peers(podsIn("shop", "app=web"))))),
		)},
		{"S2.2 a named port is nothing to a network", newSet(
			cluster("p", AdminTier, 1, all, egress(
				rule(Deny, peers(cidr("192.0.2.0/24"), api), named(0, "http")))),
		)},
		{"S2.2 networks also match endpoints", newSet(
			cluster("p", AdminTier, 1, all, egress(rule(Deny, peers(cidr("0.0.0.0/0"))))),
		)},
		{"S2.3.a Admin Accept and Deny are final", newSet(
			cluster("p", AdminTier, 1, podsIn("shop", "app=web"), ingress(
				rule(Accept, peers(podsIn("pay", "app=api"))),
				rule(Deny, peers(podsIn("shop", "app=api"))),
				rule(Accept, peers(podsIn("shop", "app=api"))))),
			netpol("shop/web", "app=web", ingress(
				rule(Accept, peers(podsIn("shop", ""))))),
			cluster("closed", BaselineTier, 1, podsIn("shop", "app=web"), ingress(rule(Deny, nil))),
		)},
		{"S2.3.a an egress Accept does not open the destination", newSet(
			cluster("p", AdminTier, 1, api, egress(rule(Accept, nil))),
			netpol("shop/web", "app=web", ingress()),
		)},
		{"S2.3.b Pass leaves the tier only", newSet(
			cluster("first", AdminTier, 1, podsIn("shop", ""), ingress(
				rule(Pass, peers(podsIn("pay", "app=api"))))),
			cluster("second", AdminTier, 2, podsIn("shop", ""), ingress(rule(Deny, nil))),
			netpol("shop/web", "app=web", ingress(rule(Accept, nil, tcp(80)))),
			cluster("base", BaselineTier, 1, podsIn("shop", "app=db"), ingress(
				rule(Pass, nil, tcp(80)), rule(Deny, nil))),
		)},
		{"S2.3.c Baseline decides where no NetworkPolicy does", newSet(
			cluster("base", BaselineTier, 1, podsIn("shop", ""), ingress(
				rule(Accept, peers(podsIn("shop", "app=api"))), rule(Deny, nil))),
			netpol("shop/web", "app=web", ingress(rule(Accept, peers(podsIn("pay", "app=db"))))),
		)},
		{"S2.3.d no isolation by being there", newSet(
			cluster("admin", AdminTier, 1, podsIn("shop", "app=web"),
				ingress(rule(Accept, peers(api))), egress(rule(Accept, peers(api)))),
			cluster("base", BaselineTier, 1, podsIn("shop", "app=web"),
				ingress(rule(Accept, peers(api))), egress()),
		)},
		{"S2.3.e the own address is exempt, a Service back to itself is not", newSet(
			cluster("p", AdminTier, 1, podsIn("shop", "app=web"), ingress(rule(Deny, nil))),
			netpol("shop/db", "app=db", ingress()),
		)},
		{"S2.3.f pods and namespaces never mean the own node", newSet(
			cluster("p", AdminTier, 1, all,
				ingress(rule(Deny, peers(all))), egress(rule(Deny, peers(all)))),
			netpol("shop/web", "app=web", ingress(), egress()),
		)},
		{"S2.3.g an ingress-only NetworkPolicy leaves egress to Baseline", newSet(
			netpol("shop/web", "app=web", ingress(rule(Accept, nil))),
			cluster("base", BaselineTier, 1, all, egress(rule(Deny, nil)),
				ingress(rule(Deny, nil, tcp(80)))),
		)},
		{"S2.3.h priority, then kind, then name; then the order of rules", newSet(
			cluster("z-low", AdminTier, 1, all, ingress(rule(Deny, nil, tcp(1)))),
			cluster("a-high", AdminTier, 2, all, ingress(rule(Accept, nil, tcpRange(1, 5)))),
			cluster("b", AdminTier, 10, all, ingress(rule(Deny, nil, tcp(11)))),
			cluster("a", AdminTier, 10, all, ingress(rule(Accept, nil, tcp(11)))),
			segmentation("a", AdminTier, 10, all, ingress(rule(Reject, nil, tcpRange(11, 12)))),
			cluster("z", AdminTier, 20, all, ingress(
				rule(Accept, nil, tcp(21)), rule(Deny, nil, tcpRange(20, 22)))),
			cluster("base", BaselineTier, 0, all, ingress(rule(Deny, nil))),
		)},
		{"S2.4.a a closed Accept matches nothing", newSet(
			cluster("p", AdminTier, 1, all, egress(
				closedAccept("domainNames is not enforced yet"),
				rule(Accept, peers(cidr("192.0.2.0/24"))))),
			cluster("base", BaselineTier, 1, all, egress(rule(Deny, nil))),
		)},
		{"S2.4.b a closed Deny or Pass denies everything", newSet(
			cluster("p", AdminTier, 1, podsIn("shop", ""), egress(
				rule(Accept, nil, tcp(80)), closedDeny("nodes is not enforced yet"),
				rule(Accept, nil))),
		)},
	})
}

// closedAccept and closedDeny are the normal forms of a rule that is not understood.
func closedAccept(why string) Rule {
	return Rule{Action: Accept, AnyPort: true, Closed: why}
}

func closedDeny(why string) Rule {
	return Rule{Action: Deny, AnyPeer: true, AnyPort: true, Closed: why}
}
