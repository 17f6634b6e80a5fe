// SPDX-License-Identifier: Apache-2.0

package clauses

// Clause is one promise of the policy language.
type Clause struct {
	ID   string
	Text string
}

// Chapter is a group of clauses.
type Chapter struct {
	Title   string
	Clauses []Clause
}

// Chapters is every promise, in the order of the document.
func Chapters() []Chapter {
	return []Chapter{
		{"Decisions of Bulkhead", decisions},
		{"NetworkPolicy v1", networkPolicy},
		{"ClusterNetworkPolicy v1alpha2 and its predecessors", clusterPolicy},
	}
}

var decisions = []Clause{
	{"S0.1", "Each direction asks the Admin tier, then NetworkPolicy, which is final where it " +
		"isolates, then the Baseline tier, and then allows."},
	{"S0.2", "SegmentationPolicy and ClusterNetworkPolicy share the tiers, ordered by priority, " +
		"kind and name; equal priorities are reported."},
	{"S0.3", "What is not understood is closed: such an Accept matches nothing, such a Deny or " +
		"Pass denies everything, and the policy says so."},
	{"S0.4", "A document with an unknown field is rejected with its position; its last good " +
		"version stays, and without one its subjects are closed."},
	{"S0.5", "Neighbour discovery, MLD and ICMP errors of allowed flows pass; echo and other " +
		"protocols follow the rules."},
	{"S0.6", "An endpoint always reaches itself; the own node is exempt from NetworkPolicy, and " +
		"not from Admin and Baseline rules that name it."},
	{"S0.7", "A completed or failed workload leaves every set at once."},
	{"S0.8", "Tightening a policy cuts the established flows that it now forbids, and no others."},
	{"S0.9", "Reject answers TCP with a reset and the rest with ICMP, and the answer gets out."},
	{"S0.10", "A policy in audit mode denies nothing and shows what it would have denied."},
	{"S0.11", "A document from a file gets the defaults that an API server would have set."},
}

var networkPolicy = []Clause{
	{"S1.1", "An endpoint is isolated per direction, by the policies of its namespace that " +
		"select it and list the direction."},
	{"S1.2", "Without policyTypes a policy is for ingress, and for egress if it has egress " +
		"rules; without protocol a port is TCP."},
	{"S1.3", "The rules of all policies add up in any order; an except denies nothing that " +
		"another rule admits."},
	{"S1.4", "A rule is peers and ports; no peers is everybody, no ports is every port and " +
		"protocol."},
	{"S1.5", "Selectors in one peer are AND, peers are OR; podSelector alone stays in the " +
		"namespace; no selector matches a foreign address."},
	{"S1.6", "except is a strict part of its block; ipBlock matches the address after " +
		"destination NAT, whoever owns it."},
	{"S1.7", "A port is a number, a range, a whole protocol, or a name that the destination " +
		"endpoint resolves."},
	{"S1.8", "SCTP is never taken for TCP, and a policy that admits only SCTP isolates."},
	{"S1.9", "Protocols without ports follow rules without ports, and break neither neighbour " +
		"discovery nor path MTU discovery."},
	{"S1.10", "Both sides must allow a flow; its replies need no rule."},
	{"S1.11", "Nothing blocks an endpoint from itself or from its own node; another node is an " +
		"ordinary address."},
	{"S1.12", "A workload in the host's network is the node: no selector means it."},
	{"S1.13", "A new endpoint is isolated from its first instant; what is allowed may follow."},
	{"S1.14", "A change of policy or labels reaches established connections."},
	{"S1.15", "The address of a workload that ended has no identity, and who gets it next " +
		"inherits none."},
	{"S1.16", "The cases of the upstream conformance suite hold."},
}

var clusterPolicy = []Clause{
	{"S2.1", "A kind is known by its group and version; another group's kind of the same name is " +
		"not taken for it."},
	{"S2.2", "Subjects, peers, protocols and their limits mean what the v1alpha2 types say."},
	{"S2.3.a", "Accept and Deny in the Admin tier are final for their direction only."},
	{"S2.3.b", "Pass leaves its tier and no more."},
	{"S2.3.c", "Baseline decides where no NetworkPolicy isolates."},
	{"S2.3.d", "A policy without a matching rule isolates nothing."},
	{"S2.3.e", "A flow to the own address is exempt; one that a service address leads back is not."},
	{"S2.3.f", "Peers that select pods or namespaces never mean the own node."},
	{"S2.3.g", "A NetworkPolicy for ingress leaves egress to Baseline."},
	{"S2.3.h", "Policies are asked by priority, kind and name, rules in their order."},
	{"S2.4.a", "An Accept that cannot be enforced matches nothing."},
	{"S2.4.b", "A Deny or Pass that cannot be enforced denies everything."},
	{"S2.5", "AdminNetworkPolicy and BaselineAdminNetworkPolicy are converted with their meaning."},
	{"S2.6", "Overlapping and repeated address blocks of a document load and keep their order."},
}
