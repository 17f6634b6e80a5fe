// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	npav1alpha1 "sigs.k8s.io/network-policy-api/apis/v1alpha1"
	npav1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/bulkhead-net/bulkhead/policy/v1alpha1"
)

// TestFieldsAreThoseOfTheTypes compares the fields that the loader accepts with the published
// Go types, so that neither can gain or lose a field alone.
func TestFieldsAreThoseOfTheTypes(t *testing.T) {
	cluster, admin, own := clusterDialect(), adminDialect(), segmentationDialect()
	cases := []struct {
		of     any
		fields []string
	}{
		{metav1.ObjectMeta{}, metadataFields},
		{metav1.LabelSelector{}, selectorFields},
		{metav1.LabelSelectorRequirement{}, requirementFields},
		{networkingv1.NetworkPolicySpec{}, networkPolicySpecFields},
		{networkingv1.NetworkPolicyIngressRule{}, networkPolicyIngressFields},
		{networkingv1.NetworkPolicyEgressRule{}, networkPolicyEgressFields},
		{networkingv1.NetworkPolicyPeer{}, networkPolicyPeerFields},
		{networkingv1.NetworkPolicyPort{}, networkPolicyPortFields},
		{networkingv1.IPBlock{}, ipBlockFields},
		{npav1alpha2.ClusterNetworkPolicySpec{}, clusterPolicySpecFields},
		{npav1alpha2.ClusterNetworkPolicySubject{}, cluster.subject},
		{npav1alpha2.ClusterNetworkPolicyIngressRule{}, cluster.ruleFields(Ingress)},
		{npav1alpha2.ClusterNetworkPolicyEgressRule{}, cluster.ruleFields(Egress)},
		{npav1alpha2.ClusterNetworkPolicyIngressPeer{}, cluster.peers[Ingress]},
		{npav1alpha2.ClusterNetworkPolicyEgressPeer{}, cluster.peers[Egress]},
		{npav1alpha2.ClusterNetworkPolicyProtocol{}, clusterProtocols},
		{npav1alpha2.ClusterNetworkPolicyProtocolTCP{}, transportFields},
		{npav1alpha2.NamespacedPod{}, namespacedPodFields},
		{npav1alpha2.Port{}, portFields},
		{npav1alpha2.PortRange{}, rangeFields},
		{npav1alpha1.AdminNetworkPolicySpec{}, adminSpecFields},
		{npav1alpha1.AdminNetworkPolicySubject{}, admin.subject},
		{npav1alpha1.AdminNetworkPolicyIngressRule{}, admin.ruleFields(Ingress)},
		{npav1alpha1.AdminNetworkPolicyEgressRule{}, admin.ruleFields(Egress)},
		{npav1alpha1.AdminNetworkPolicyIngressPeer{}, admin.peers[Ingress]},
		{npav1alpha1.AdminNetworkPolicyEgressPeer{}, admin.peers[Egress]},
		{npav1alpha1.AdminNetworkPolicyPort{}, adminPortFields},
		{npav1alpha1.Port{}, adminNumberFields},
		{npav1alpha1.PortRange{}, adminRangeFields},
		{npav1alpha1.BaselineAdminNetworkPolicySpec{}, baselineAdminSpecFields},
		{npav1alpha1.BaselineAdminNetworkPolicyEgressPeer{}, baselineAdminPeers},
		{v1alpha1.SegmentSpec{}, segmentSpecFields},
		{v1alpha1.Member{}, segmentMemberFields},
		{v1alpha1.NamespacedPod{}, namespacedPodFields},
		{v1alpha1.SegmentationPolicySpec{}, segmentationSpecFields},
		{v1alpha1.Subject{}, own.subject},
		{v1alpha1.IngressRule{}, own.ruleFields(Ingress)},
		{v1alpha1.EgressRule{}, own.ruleFields(Egress)},
		{v1alpha1.Peer{}, segmentationPeers},
		{v1alpha1.Protocol{}, segmentationProtocols},
		{v1alpha1.Transport{}, transportFields},
		{v1alpha1.Port{}, portFields},
		{v1alpha1.PortRange{}, rangeFields},
		{v1alpha1.ICMP{}, icmpFields},
	}
	for _, c := range cases {
		typ := reflect.TypeOf(c.of)
		t.Run(typ.String(), func(t *testing.T) {
			var want []string
			for i := range typ.NumField() {
				name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
				want = append(want, name)
			}
			got := slices.Sorted(slices.Values(c.fields))
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}
