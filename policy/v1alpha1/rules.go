// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// IngressRule is an action for connections to the subject.
type IngressRule struct {
	// Name appears in records of what the rule decided.
	//
	// +optional
	// +validation:MaxLength=100
	Name string `json:"name,omitempty"`
	// Action is Accept, Deny, Reject (Deny with an answer) or Pass (ask the next tier).
	//
	// +validation:Enum=Accept;Deny;Reject;Pass
	Action string `json:"action"`
	// Log says which decisions of the rule are recorded.
	//
	// +optional
	// +default="Denied"
	// +validation:Enum=Denied;All;None
	Log string `json:"log,omitempty"`
	// From are the sources; one of them must match.
	//
	// +validation:MinItems=1
	// +validation:MaxItems=50
	From []Peer `json:"from"`
	// Protocols narrow the rule; one of them must match. Without them every protocol matches.
	//
	// +optional
	// +validation:MinItems=1
	// +validation:MaxItems=100
	Protocols []Protocol `json:"protocols,omitempty"`
}

// EgressRule is an action for connections from the subject.
type EgressRule struct {
	// Name appears in records of what the rule decided.
	//
	// +optional
	// +validation:MaxLength=100
	Name string `json:"name,omitempty"`
	// Action is Accept, Deny, Reject (Deny with an answer) or Pass (ask the next tier).
	//
	// +validation:Enum=Accept;Deny;Reject;Pass
	Action string `json:"action"`
	// Log says which decisions of the rule are recorded.
	//
	// +optional
	// +default="Denied"
	// +validation:Enum=Denied;All;None
	Log string `json:"log,omitempty"`
	// To are the destinations; one of them must match.
	//
	// +validation:MinItems=1
	// +validation:MaxItems=50
	To []Peer `json:"to"`
	// Protocols narrow the rule; one of them must match. Without them every protocol matches.
	//
	// +optional
	// +validation:MinItems=1
	// +validation:MaxItems=100
	Protocols []Protocol `json:"protocols,omitempty"`
}

// Peer is the other side of a rule.
//
// +validation:OneOf
type Peer struct {
	// Segment is the name of a Segment.
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
	// CIDRs match the address, whoever owns it.
	//
	// +optional
	// +listType=set
	// +validation:MinItems=1
	// +validation:MaxItems=25
	CIDRs []CIDR `json:"cidrs,omitempty"`
	// Entity is Host (the own node), World (neither endpoint nor own node) or Endpoints.
	//
	// +optional
	// +validation:Enum=Host;World;Endpoints
	Entity string `json:"entity,omitempty"`
}

// Protocol is a protocol, or a part of it.
//
// +validation:OneOf
type Protocol struct {
	// +optional
	TCP *Transport `json:"tcp,omitempty"`
	// +optional
	UDP *Transport `json:"udp,omitempty"`
	// +optional
	SCTP *Transport `json:"sctp,omitempty"`
	// +optional
	ICMP *ICMP `json:"icmp,omitempty"`
	// +optional
	ICMPv6 *ICMP `json:"icmpv6,omitempty"`
	// IPProtocol is a protocol by its number, whole.
	//
	// +optional
	// +validation:Minimum=1
	// +validation:Maximum=255
	IPProtocol int32 `json:"ipProtocol,omitempty"`
	// DestinationNamedPort is a container port of the destination by its name.
	//
	// +optional
	// +validation:MinLength=1
	// +validation:MaxLength=15
	DestinationNamedPort string `json:"destinationNamedPort,omitempty"`
}

// Transport is tcp, udp or sctp; without a port, all of it.
type Transport struct {
	// +optional
	DestinationPort *Port `json:"destinationPort,omitempty"`
}

// Port is a port or a range of ports.
//
// +validation:OneOf
type Port struct {
	// +optional
	// +validation:Minimum=1
	// +validation:Maximum=65535
	Number int32 `json:"number,omitempty"`
	// +optional
	Range *PortRange `json:"range,omitempty"`
}

// PortRange is a range of ports, both ends included.
//
// +validation:XValidation:rule=self.start < self.end;message=start must be below end
type PortRange struct {
	// +validation:Minimum=1
	// +validation:Maximum=65535
	Start int32 `json:"start"`
	// +validation:Minimum=1
	// +validation:Maximum=65535
	End int32 `json:"end"`
}

// ICMP is icmp or icmpv6; without a type, all of it.
//
// +validation:XValidation:rule=!has(self.code) || has(self.type);message=code needs type
type ICMP struct {
	// +optional
	// +validation:Minimum=0
	// +validation:Maximum=255
	Type *int32 `json:"type,omitempty"`
	// +optional
	// +validation:Minimum=0
	// +validation:Maximum=255
	Code *int32 `json:"code,omitempty"`
}
