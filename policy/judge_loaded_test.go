// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
)

// TestLoadedClauses judges documents from their text on, where reading is half of the clause.
// Flows and verdicts are in testdata/loaded.table.
func TestLoadedClauses(t *testing.T) {
	runClauses(t, "loaded.table", []clause{
		{"S0.3 a rule that is not enforced yet is closed", loaded(t, clusterYAML(`
  - {action: Accept, to: [{domainNames: [example.com]}]}
  - {action: Accept, to: [{namespaces: {}}]}`), closedByBaseline)},
		{"S0.4 a document with an unknown field closes its subjects", loaded(t, netpolYAML("web", `
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {}}], protocols: [tcp]}]`))},
		{"S0.11 a document from a file gets the API server's defaults", loaded(t,
			netpolYAML("web", `
  ingress: [{ports: [{port: 80}]}]`))},
		{"S1.2 no policyTypes is Ingress, no protocol is TCP", loaded(t, netpolYAML("web", `
  ingress: [{ports: [{port: 80}, {protocol: UDP, port: 53}]}]`))},
		{"S1.2 no policyTypes and egress rules is both", loaded(t, netpolYAML("web", `
  egress: [{ports: [{port: 80}]}]`))},
		{"S1.2 policyTypes that name Egress alone leave ingress open", loaded(t,
			netpolYAML("web", `
  policyTypes: [Egress]`))},
		{"S2.4.a a closed Accept matches nothing", loaded(t, clusterYAML(`
  - {action: Accept, to: [{nodes: {}}]}
  - {action: Accept, to: [{networks: [192.0.2.0/24]}]}`), closedByBaseline)},
		{"S2.4.b a closed Deny denies everything", loaded(t, clusterYAML(`
  - {action: Accept, to: [{networks: [192.0.2.0/24]}]}
  - {action: Deny, to: [{nodes: {}}]}
  - {action: Accept, to: [{namespaces: {}}]}`))},
		{"S2.4.b a closed Pass denies everything", loaded(t, clusterYAML(`
  - {action: Pass, to: [{domainNames: [example.com]}]}`))},
		{"S2.5 v1alpha1: Allow, Deny and Pass; ports", loaded(t, adminYAML, baselineAdminYAML)},
	})
}

// loaded is the world with the documents in force.
func loaded(t *testing.T, documents ...string) *Set {
	t.Helper()
	documents = append(documents, worldNamespacesYAML)
	text := strings.Join(documents, "\n---\n")
	return Load([]File{{Name: "policy.yaml", Data: []byte(text)}}, nil)
}

const worldNamespacesYAML = `apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: a}}
---
apiVersion: v1
kind: Namespace
metadata: {name: pay, labels: {team: b}}`

// netpolYAML is a NetworkPolicy for app=NAME in shop; clusterYAML one Admin policy with egress
// rules for all of shop.
func netpolYAML(name, spec string) string {
	return `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: ` + name + `, namespace: shop}
spec:
  podSelector: {matchLabels: {app: ` + name + `}}` + spec
}

func clusterYAML(egress string) string {
	return `apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: p}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {matchLabels: {team: a}}}
  egress:` + egress
}

const closedByBaseline = `apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: base}
spec:
  tier: Baseline
  priority: 10
  subject: {namespaces: {}}
  egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}]}]`

const adminYAML = `apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: admin}
spec:
  priority: 10
  subject: {namespaces: {matchLabels: {team: a}}}
  ingress:
  - action: Allow
    from: [{namespaces: {matchLabels: {team: b}}}]
    ports: [{portNumber: {protocol: TCP, port: 80}}]
  - action: Pass
    from: [{namespaces: {matchLabels: {team: b}}}]
    ports: [{portRange: {protocol: UDP, start: 53, end: 54}}]
  - action: Deny
    from: [{namespaces: {matchLabels: {team: b}}}]`

const baselineAdminYAML = `apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec:
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}
  ingress: [{action: Deny, from: [{namespaces: {}}]}]`
