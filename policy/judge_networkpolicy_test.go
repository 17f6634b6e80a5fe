// SPDX-License-Identifier: Apache-2.0

package policy

import "testing"

// TestNetworkPolicyClauses has one case at least for each clause of NetworkPolicy v1 that the
// judge answers for. Flows and verdicts are in testdata/networkpolicy.table.
func TestNetworkPolicyClauses(t *testing.T) {
	api := podsIn("shop", "app=api")
	runClauses(t, "networkpolicy.table", []clause{
		{"S1.1 isolation is per endpoint and per direction", newSet(
			netpol("shop/in", "app=web", ingress(), egress(rule(Accept, nil)), unlisted(Egress)),
			netpol("shop/out", "app=api", egress(), ingress(rule(Accept, nil)), unlisted(Ingress)),
		)},
		{"S1.3 union of rules; except is not a deny", newSet(
			netpol("shop/a", "app=web", egress(
				rule(Accept, peers(cidr("192.0.2.0/24", "192.0.2.128/25"))),
				rule(Accept, peers(cidr("192.0.2.200/32"))))),
			netpol("shop/b", "app=web", egress(rule(Accept, peers(cidr("198.51.100.0/24"))))),
		)},
		{"S1.4 a rule is peers and ports", newSet(
			netpol("shop/db", "app=db", ingress(rule(Accept, peers(api), tcp(5432)))),
			netpol("shop/web", "app=web", ingress(rule(Accept, nil, tcp(80)))),
			netpol("shop/api", "app=api", ingress(rule(Accept, peers(podsOf("team=b", ""))))),
			netpol("pay/all", "app=api", ingress(rule(Accept, nil))),
			netpol("pay/none", "app=db", ingress()),
		)},
		{"S1.5 podSelector stays in its namespace", newSet(
			netpol("shop/web", "app=web", ingress(rule(Accept, peers(podsIn("shop", ""))))))},
		{"S1.5 namespaceSelector takes every pod there", newSet(
			netpol("shop/web", "app=web", ingress(rule(Accept, peers(podsOf("team=b", ""))))))},
		{"S1.5 both selectors in one element are AND", newSet(
			netpol("shop/web", "app=web", ingress(
				rule(Accept, peers(podsOf("team=b", "app=api"))))))},
		{"S1.5 two elements are OR", newSet(
			netpol("shop/web", "app=web", ingress(
				rule(Accept, peers(podsIn("shop", "app=api"), podsOf("team=b", ""))))))},
		{"S1.5 a namespace can be selected by its name", newSet(
			netpol("shop/web", "app=web", ingress(
				rule(Accept, peers(podsOf(NamespaceNameLabel+"=pay", ""))))))},
		{"S1.6 ipBlock matches the address whoever owns it", newSet(
			netpol("shop/web", "app=web",
				ingress(rule(Accept,
					peers(cidr("10.2.0.0/16", "10.2.0.12/32"), cidr("fd00:2::/32")))),
				egress(rule(Accept, peers(cidr("0.0.0.0/0", "10.0.0.0/8"))))))},
		{"S1.7 numbers, ranges and whole protocols", newSet(
			netpol("shop/web", "app=web", ingress(
				rule(Accept, nil, tcp(80), tcpRange(8000, 8010), wholeProtocol(ProtocolUDP)))))},
		{"S1.7 a named port is the destination's, ingress", newSet(
			netpol("shop/web", "", ingress(rule(Accept, nil, named(ProtocolTCP, "http")))))},
		{"S1.7 a named port is the destination's, egress", newSet(
			netpol("shop/web", "app=web", egress(
				rule(Accept, nil, named(ProtocolTCP, "http"), named(ProtocolUDP, "dns")))))},
		{"S1.8 SCTP is not TCP, and still isolates", newSet(
			netpol("shop/web", "app=web", ingress(rule(Accept, nil, sctp(80)))))},
		{"S1.9 other protocols follow the rules", newSet(
			netpol("shop/web", "app=web", ingress(rule(Accept, peers(api)))),
			netpol("shop/db", "app=db", ingress(rule(Accept, peers(api), tcp(5432)))),
		)},
		{"S1.10 both sides must allow", newSet(
			netpol("shop/api", "app=api", egress(rule(Accept, peers(podsIn("shop", "app=web"))))),
			netpol("shop/web", "app=web", ingress(rule(Accept, peers(api)))),
			netpol("shop/db", "app=db", ingress(rule(Accept, peers(api)))),
			netpol("pay/api", "app=api", ingress()),
		)},
		{"S1.11 an endpoint to itself and its own node", newSet(
			netpol("shop/web", "app=web", ingress(), egress()))},
		{"S1.12 processes in the host's network are the node", newSet(
			netpol("shop/web", "app=web", ingress(rule(Accept, peers(podsOf("", ""))))))},
		{"S1.13 isolation does not wait for allow rules", newSet(
			netpol("shop/all", "", ingress(), egress()))},
		{"S1.15 an address without its endpoint has no labels", newSet(
			netpol("shop/web", "app=web", ingress(rule(Accept, peers(podsOf("", ""))))))},
	})
}
