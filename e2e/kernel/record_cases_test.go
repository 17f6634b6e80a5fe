// SPDX-License-Identifier: Apache-2.0

package kernel

import "fmt"

// recordCase is a policy, a flow `from to`, and what the records of its packets tell, whatever
// the service and the address family.
type recordCase struct {
	name, documents, flow string
	want                  []string
}

func networkPolicy(name, annotations, spec string) string {
	return fmt.Sprintf(`apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: %s, namespace: shop, annotations: {%s}}
spec: {%s}
---
`, name, annotations, spec)
}

// clusterPolicy is of a kind that is the whole cluster's.
func clusterPolicy(kind, name, annotations, spec string) string {
	version := map[string]string{"ClusterNetworkPolicy": "policy.networking.k8s.io/v1alpha2",
		"AdminNetworkPolicy":         "policy.networking.k8s.io/v1alpha1",
		"BaselineAdminNetworkPolicy": "policy.networking.k8s.io/v1alpha1"}[kind]
	return fmt.Sprintf(`apiVersion: %s
kind: %s
metadata: {name: %s, annotations: {%s}}
spec: {subject: {namespaces: {}}, %s}
---
`, version, kind, name, annotations, spec)
}

func segmentation(name, spec string) string {
	return fmt.Sprintf(`apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: %s}
spec: {subject: {namespaces: {}}, %s}
---
`, name, spec)
}

const (
	toB    = "[{namespaces: {matchLabels: {team: b}}}]"
	toDB   = "podSelector: {matchLabels: {app: db}}"
	ofWeb  = "podSelector: {matchLabels: {app: web}}"
	reject = "bulkhead.dev/deny-action: reject"
	audit  = "bulkhead.dev/mode: audit"
	logAll = "bulkhead.dev/log: all"
)

// recordCases are every kind of policy by what it can say about a flow.
var recordCases = []recordCase{
	{"NetworkPolicy isolates for ingress", networkPolicy("db", "", toDB), "world shop/db",
		[]string{"deny ingress drop default-deny NetworkPolicy shop/db"}},
	{"NetworkPolicy isolates for egress", networkPolicy("web", "", ofWeb+", policyTypes: [Egress]"),
		"shop/web pay/db", []string{"deny egress drop default-deny NetworkPolicy shop/web"}},
	{"two NetworkPolicies isolate", networkPolicy("db", "", toDB) +
		networkPolicy("all", "", "podSelector: {}"), "shop/web shop/db",
		[]string{"deny ingress drop default-deny NetworkPolicy shop/all, NetworkPolicy shop/db"}},
	{"NetworkPolicy rejects", networkPolicy("db", reject, toDB), "shop/web shop/db",
		[]string{"deny ingress reject default-deny NetworkPolicy shop/db"}},
	{"NetworkPolicy would deny", networkPolicy("db", audit, toDB), "pay/api shop/db",
		[]string{"would-deny ingress pass audit NetworkPolicy shop/db"}},
	{"NetworkPolicy lets in and records", networkPolicy("db", logAll,
		toDB+", ingress: [{from: [{podSelector: {}}]}]"), "shop/web shop/db",
		[]string{"allow ingress pass rule NetworkPolicy shop/db ingress[0]"}},

	{"ClusterNetworkPolicy of Admin", clusterPolicy("ClusterNetworkPolicy", "c", "",
		"tier: Admin, priority: 1, egress: [{name: n, action: Deny, to: "+toB+"}]"),
		"shop/web pay/db", []string{`deny egress drop rule ClusterNetworkPolicy c egress[0] "n"`}},
	{"ClusterNetworkPolicy rejects", clusterPolicy("ClusterNetworkPolicy", "c", reject,
		"tier: Admin, priority: 1, ingress: [{action: Deny, from: "+toB+"}]"),
		"pay/db shop/web", []string{"deny ingress reject rule ClusterNetworkPolicy c ingress[0]"}},
	{"ClusterNetworkPolicy of Baseline", clusterPolicy("ClusterNetworkPolicy", "c", "",
		"tier: Baseline, priority: 1, ingress: [{action: Accept, from: [{namespaces: "+
			"{matchLabels: {team: a}}}]}, {action: Deny, from: "+toB+"}]"),
		"pay/db shop/db", []string{"deny ingress drop rule ClusterNetworkPolicy c ingress[1]"}},
	{"ClusterNetworkPolicy would deny", clusterPolicy("ClusterNetworkPolicy", "c", audit,
		"tier: Baseline, priority: 1, egress: [{action: Deny, to: "+toB+"}]"),
		"shop/web pay/api", []string{"would-deny egress pass audit ClusterNetworkPolicy c"}},
	{"ClusterNetworkPolicy records", clusterPolicy("ClusterNetworkPolicy", "c", logAll,
		"tier: Admin, priority: 1, egress: [{action: Accept, to: "+toB+"}]"), "shop/web pay/api",
		[]string{"allow egress pass rule ClusterNetworkPolicy c egress[0]"}},

	{"AdminNetworkPolicy", clusterPolicy("AdminNetworkPolicy", "a", "",
		"priority: 1, ingress: [{action: Deny, from: "+toB+"}]"), "pay/api shop/web",
		[]string{"deny ingress drop rule AdminNetworkPolicy a ingress[0]"}},
	{"AdminNetworkPolicy rejects", clusterPolicy("AdminNetworkPolicy", "a", reject,
		"priority: 1, egress: [{action: Deny, to: "+toB+"}]"), "shop/api pay/db",
		[]string{"deny egress reject rule AdminNetworkPolicy a egress[0]"}},
	{"AdminNetworkPolicy records", clusterPolicy("AdminNetworkPolicy", "a", logAll,
		"priority: 1, ingress: [{action: Allow, from: "+toB+"}]"), "pay/api shop/db",
		[]string{"allow ingress pass rule AdminNetworkPolicy a ingress[0]"}},
	{"BaselineAdminNetworkPolicy", clusterPolicy("BaselineAdminNetworkPolicy", "default", "",
		"egress: [{action: Deny, to: "+toB+"}]"), "shop/db pay/db",
		[]string{"deny egress drop rule BaselineAdminNetworkPolicy default egress[0]"}},
	{"BaselineAdminNetworkPolicy rejects", clusterPolicy("BaselineAdminNetworkPolicy", "default",
		reject, "ingress: [{action: Deny, from: "+toB+"}]"), "pay/api shop/web",
		[]string{"deny ingress reject rule BaselineAdminNetworkPolicy default ingress[0]"}},
	{"BaselineAdminNetworkPolicy records", clusterPolicy("BaselineAdminNetworkPolicy", "default",
		logAll, "ingress: [{action: Allow, from: "+toB+"}]"), "pay/api shop/web",
		[]string{"allow ingress pass rule BaselineAdminNetworkPolicy default ingress[0]"}},

	{"SegmentationPolicy of Admin", segmentation("s", "tier: Admin, priority: 1, "+
		"ingress: [{action: Deny, from: [{entity: World}]}]"), "world shop/web",
		[]string{"deny ingress drop rule SegmentationPolicy s ingress[0]"}},
	{"SegmentationPolicy of Baseline rejects", segmentation("s", "tier: Baseline, priority: 1, "+
		"egress: [{action: Reject, to: [{entity: World}]}]"), "pay/db world",
		[]string{"deny egress reject rule SegmentationPolicy s egress[0]"}},
	{"SegmentationPolicy records both ends", segmentation("s", "tier: Admin, priority: 1, "+
		"egress: [{action: Accept, log: All, to: [{entity: Endpoints}]}], "+
		"ingress: [{action: Deny, from: [{entity: World}]}, "+
		"{action: Accept, log: All, from: [{entity: Endpoints}]}]"), "shop/web pay/db",
		[]string{"allow egress pass rule SegmentationPolicy s egress[0]",
			"allow ingress pass rule SegmentationPolicy s ingress[1]"}},
	{"SegmentationPolicies record and would deny", segmentation("s", "tier: Admin, priority: 2, "+
		"ingress: [{action: Accept, log: All, from: [{entity: Endpoints}]}]") +
		segmentation("x", "mode: Audit, tier: Admin, priority: 1, "+
			"ingress: [{action: Reject, from: [{entity: Endpoints}]}]"), "shop/web pay/db",
		[]string{"allow ingress pass rule SegmentationPolicy s ingress[0]",
			"would-deny ingress pass audit SegmentationPolicy x"}},
	{"SegmentationPolicies would deny at both ends", segmentation("s", "mode: Audit, "+
		"tier: Admin, priority: 2, ingress: [{action: Deny, from: [{entity: Endpoints}]}]") +
		segmentation("x", "mode: Audit, tier: Baseline, priority: 1, "+
			"egress: [{action: Deny, to: [{entity: Endpoints}]}]"), "shop/web shop/db",
		[]string{"would-deny egress pass audit SegmentationPolicy x",
			"would-deny ingress pass audit SegmentationPolicy s"}},

	{"Segment shuts others out", isolatedSegment, "shop/web shop/db",
		[]string{`deny ingress drop rule Segment backend ingress[1] "isolated"`}},
	{"Segment keeps its own in", isolatedSegment, "shop/db pay/api",
		[]string{`deny egress drop rule Segment backend egress[1] "isolated"`}},

	{"to the own node", segmentation("s", "tier: Admin, priority: 1, "+
		"egress: [{action: Deny, to: [{entity: Host}]}]"), "shop/web host",
		[]string{"deny egress drop rule SegmentationPolicy s egress[0]"}},
	{"to the own node, rejected", segmentation("s", "tier: Admin, priority: 1, "+
		"egress: [{action: Reject, to: [{entity: Host}]}]"), "pay/db host2",
		[]string{"deny egress reject rule SegmentationPolicy s egress[0]"}},
	{"to the own node, recorded", segmentation("s", "tier: Admin, priority: 1, "+
		"egress: [{action: Accept, log: All, to: [{entity: Host}]}]"), "shop/web host",
		[]string{"allow egress pass rule SegmentationPolicy s egress[0]"}},
	{"from the own node", segmentation("s", "tier: Admin, priority: 1, "+
		"ingress: [{action: Deny, from: [{entity: Host}]}]"), "host shop/web",
		[]string{"deny ingress drop rule SegmentationPolicy s ingress[0]"}},
	{"from the own node, rejected", segmentation("s", "tier: Baseline, priority: 1, "+
		"ingress: [{action: Reject, from: [{entity: Host}]}]"), "host pay/db",
		[]string{"deny ingress drop rule SegmentationPolicy s ingress[0]"}},
	{"from the own node, would be denied", segmentation("s", "mode: Audit, tier: Admin, "+
		"priority: 1, ingress: [{action: Deny, from: [{entity: Host}]}]"), "host shop/web",
		[]string{"would-deny ingress pass audit SegmentationPolicy s"}},
	{"from the own node, recorded", segmentation("s", "tier: Admin, priority: 1, "+
		"ingress: [{action: Accept, log: All, from: [{entity: Host}]}]"), "host shop/web",
		[]string{"allow ingress pass rule SegmentationPolicy s ingress[0]"}},
}

const isolatedSegment = `apiVersion: bulkhead.dev/v1alpha1
kind: Segment
metadata: {name: backend}
spec: {members: [{networks: [backend]}], isolated: true}
---
`

// cutOffCases are about shop/web in quarantine.
var cutOffCases = []recordCase{
	{"what is in quarantine sends", "", "shop/web pay/db",
		[]string{"deny egress drop quarantine"}},
	{"to what is in quarantine", "", "pay/db shop/web", []string{"deny ingress drop quarantine"}},
	{"from the world to what is in quarantine", networkPolicy("web", "", ofWeb), "world shop/web",
		[]string{"deny ingress drop quarantine"}},
	{"what is in quarantine sends to the node", "", "shop/web host",
		[]string{"deny egress drop quarantine"}},
	{"the node sends to what is in quarantine", "", "host2 shop/web",
		[]string{"deny ingress drop quarantine"}},
}
