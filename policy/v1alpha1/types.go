// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Segment is a named zone of endpoints and networks that share a level of trust.
//
// +crd:plural=segments
// +crd:shortName=seg
type Segment struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec SegmentSpec `json:"spec"`
	// +optional
	Status Status `json:"status,omitempty"`
}

// SegmentSpec says who belongs to the Segment.
type SegmentSpec struct {
	// Members are united: who matches one of them belongs to the Segment.
	//
	// +validation:MinItems=1
	// +validation:MaxItems=100
	Members []Member `json:"members"`
	// Isolated closes the Segment towards everybody who is not a member, in both directions,
	// and leaves it open among its members. It works after every Baseline policy, so a
	// NetworkPolicy that selects an endpoint decides first. The own node is not affected.
	//
	// +optional
	Isolated bool `json:"isolated,omitempty"`
}

// Member is one part of a Segment.
//
// +validation:OneOf
type Member struct {
	// Pods selects endpoints by the labels of their namespace and their own.
	//
	// +optional
	Pods *NamespacedPod `json:"pods,omitempty"`
	// Networks are names of CNI or Docker networks: every endpoint attached to one belongs.
	//
	// +optional
	// +listType=set
	// +validation:MinItems=1
	// +validation:MaxItems=25
	Networks []NetworkName `json:"networks,omitempty"`
	// CIDRs are addresses outside: an address of an endpoint or of the own node never belongs
	// to a Segment by its CIDR.
	//
	// +optional
	// +listType=set
	// +validation:MinItems=1
	// +validation:MaxItems=25
	CIDRs []CIDR `json:"cidrs,omitempty"`
}

// NamespacedPod selects endpoints in namespaces.
type NamespacedPod struct {
	// NamespaceSelector matches the labels of namespaces; without it every namespace matches.
	//
	// +optional
	NamespaceSelector metav1.LabelSelector `json:"namespaceSelector,omitempty"`
	// PodSelector matches the labels of endpoints; {} matches all of them.
	PodSelector metav1.LabelSelector `json:"podSelector"`
}

// NetworkName is the name of a CNI or Docker network.
//
// +validation:MinLength=1
// +validation:MaxLength=253
type NetworkName string

// CIDR is an address block without host bits, IPv4 or IPv6.
//
// +validation:MaxLength=43
// +validation:XValidation:rule=isCIDR(self) && cidr(self).masked() == cidr(self);message=a CIDR without host bits is needed, such as 10.0.0.0/8
type CIDR string

// SegmentationPolicy is a list of ordered rules for one subject, in one tier.
//
// +crd:plural=segmentationpolicies
// +crd:shortName=segpol
type SegmentationPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec SegmentationPolicySpec `json:"spec"`
	// +optional
	Status Status `json:"status,omitempty"`
}

// SegmentationPolicySpec is the policy itself.
type SegmentationPolicySpec struct {
	// Tier is Admin, which is asked before every NetworkPolicy, or Baseline, which is asked
	// where no NetworkPolicy decides.
	//
	// +validation:Enum=Admin;Baseline
	Tier string `json:"tier"`
	// Priority orders the policies of a tier, lower first, together with the
	// ClusterNetworkPolicies of that tier.
	//
	// +validation:Minimum=0
	// +validation:Maximum=1000
	Priority int32 `json:"priority"`
	// Mode is Enforce or Audit. A policy in Audit decides nothing; what it alone would have
	// refused is counted and logged, and goes on.
	//
	// +optional
	// +default="Enforce"
	// +validation:Enum=Enforce;Audit
	Mode string `json:"mode,omitempty"`
	// Subject are the endpoints that the policy governs.
	Subject Subject `json:"subject"`
	// Ingress are the rules for connections to the subject; the first that matches decides.
	//
	// +optional
	// +validation:MaxItems=100
	Ingress []IngressRule `json:"ingress,omitempty"`
	// Egress are the rules for connections from the subject; the first that matches decides.
	//
	// +optional
	// +validation:MaxItems=100
	Egress []EgressRule `json:"egress,omitempty"`
}

// Subject selects endpoints, and never anything else.
//
// +validation:OneOf
type Subject struct {
	// Segment is the name of a Segment; of its members, the endpoints are meant.
	//
	// +optional
	Segment *SegmentName `json:"segment,omitempty"`
	// Pods selects endpoints by the labels of their namespace and their own.
	//
	// +optional
	Pods *NamespacedPod `json:"pods,omitempty"`
	// Namespaces selects every endpoint of the namespaces that match.
	//
	// +optional
	Namespaces *metav1.LabelSelector `json:"namespaces,omitempty"`
}

// SegmentName is the name of a Segment.
//
// +validation:MinLength=1
// +validation:MaxLength=253
type SegmentName string

// Status says what became of the document.
type Status struct {
	// Conditions are the usual ones: Accepted, Enforced.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
