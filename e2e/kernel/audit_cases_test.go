// SPDX-License-Identifier: Apache-2.0

package kernel

import "strings"

// auditCase is a policy, as text with MODE where its mode stands, and a flow that it would deny.
type auditCase struct {
	name, documents string
	// flow is `from to service`, in both address families.
	flow string
	// kind is the question in which it is denied, and the dispatch map that asks it.
	kind, reason string
}

const apiVersionCluster = "apiVersion: policy.networking.k8s.io/v1alpha2"

var auditCases = []auditCase{
	{"SegmentationPolicy, a rule of Admin", `apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: admin}
spec:
  tier: Admin
  priority: 10
  mode: MODE
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{entity: Endpoints}]}]`,
		"shop/api shop/web tcp/80", "ingress", "audit"},
	{"SegmentationPolicy, blocks of Baseline", `apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: world}
spec:
  tier: Baseline
  priority: 10
  mode: MODE
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}
  egress: [{action: Reject, to: [{cidrs: [192.0.2.0/24, "2001:db8::/64"]}]}]`,
		"shop/web world tcp/80", "egress", "audit"},
	{"SegmentationPolicy, to the own node", `apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: host}
spec:
  tier: Admin
  priority: 10
  mode: MODE
  subject: {namespaces: {}}
  egress:
  - action: Reject
    to: [{entity: Host}]
    protocols: [{tcp: {destinationPort: {number: 80}}}]`,
		"shop/web host tcp/80", "to-host", "audit"},
	{"SegmentationPolicy, from the own node", `apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: host}
spec:
  tier: Admin
  priority: 10
  mode: MODE
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{entity: Host}]}]`,
		"host shop/web tcp/80", "from-host", "audit"},
	{"SegmentationPolicy, a silent rule", `apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: silent}
spec:
  tier: Admin
  priority: 10
  mode: MODE
  subject: {namespaces: {}}
  ingress: [{action: Deny, log: None, from: [{entity: World}]}]`,
		"world shop/web tcp/80", "ingress", "audit-silent"},
	{"NetworkPolicy, ingress", `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop, annotations: {bulkhead.dev/mode: mode}}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]`,
		"world shop/db tcp/80", "ingress", "audit"},
	{"NetworkPolicy, egress by a port's name", `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop, annotations: {bulkhead.dev/mode: mode}}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress: [{ports: [{port: http}]}]`,
		"shop/web shop/api tcp/80", "egress", "audit"},
	{"NetworkPolicy beside an enforced one", `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop, annotations: {bulkhead.dev/mode: mode}}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec: {podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {}}]}]}`,
		"shop/web shop/api tcp/80", "egress", "audit"},
	{"ClusterNetworkPolicy", `apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: cluster, annotations: {bulkhead.dev/mode: mode}}
spec:
  tier: Baseline
  priority: 10
  subject: {namespaces: {}}
  egress: [{action: Deny, to: [{networks: [192.0.2.1/32, "2001:db8::1/128"]}]}]`,
		"shop/db world tcp/80", "egress", "audit"},
	{"ClusterNetworkPolicy, a Pass in front of an Accept", apiVersionCluster + `
kind: ClusterNetworkPolicy
metadata: {name: pass, annotations: {bulkhead.dev/mode: mode}}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  ingress: [{action: Pass, from: [{namespaces: {}}]}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: accept}
spec:
  tier: Admin
  priority: 20
  subject: {namespaces: {}}
  ingress: [{action: Accept, from: [{namespaces: {}}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {}}`,
		"pay/api shop/web tcp/80", "ingress", "audit"},
	{"AdminNetworkPolicy", `apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: admin, annotations: {bulkhead.dev/mode: mode}}
spec:
  priority: 10
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{namespaces: {matchLabels: {team: b}}}]}]`,
		"pay/db shop/db tcp/80", "ingress", "audit"},
	{"BaselineAdminNetworkPolicy", `apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default, annotations: {bulkhead.dev/mode: mode}}
spec:
  subject: {namespaces: {}}
  egress: [{action: Deny, to: [{namespaces: {matchLabels: {team: a}}}]}]`,
		"pay/db shop/db tcp/80", "egress", "audit"},
}

// in is the documents in one mode, "Audit" or "Enforce".
func (c auditCase) in(mode string) string {
	text := strings.ReplaceAll(c.documents, "mode: MODE", "mode: "+mode)
	return strings.ReplaceAll(text, "mode: mode", "mode: "+strings.ToLower(mode)) + "\n---\n" +
		namespaceDocuments
}
