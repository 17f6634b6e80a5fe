// SPDX-License-Identifier: Apache-2.0

package policy

import "net/netip"

// Ref names one document. Namespace is empty for cluster-scoped kinds.
type Ref struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String returns "Kind namespace/name" or "Kind name".
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// Position is a place in a policy file; Line and Column count from 1.
type Position struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// Policy is one document in normal form: defaults filled in, v1alpha1 kinds converted, and
// everything that is not understood already closed (see Rule.Closed). Evaluate and
// internal/compile both start here.
type Policy struct {
	Ref      Ref
	Position Position
	Tier     Tier
	// Priority orders policies inside Admin and Baseline, lower first. A Segment's own
	// isolation comes after every Baseline policy (IsolationPriority).
	Priority int32
	Mode     Mode
	Subject  Subject
	// Isolates says, for the NetworkPolicy tier alone, in which directions a selected
	// endpoint is denied whatever no rule accepts. Indexed by Direction.
	Isolates [2]bool
	// DenyAction is Reject when the document asks that its denials are answered, and Deny (or
	// empty) otherwise. It turns the Deny rules of the policy into Reject, see RuleAction, and
	// the default deny of the NetworkPolicy tier if every isolating policy asks for it: one
	// policy that wants silence gets it.
	DenyAction Action
	// Rules are in document order. Indexed by Direction.
	Rules [2][]Rule
}

// RuleAction is what a rule of this policy says: its action, or Reject for Deny when the policy
// asks for answers. An action that is not known is Deny.
func (p *Policy) RuleAction(r Rule) Action {
	switch r.Action {
	case Accept, Pass, Reject:
		return r.Action
	}
	if p.DenyAction == Reject {
		return Reject
	}
	return Deny
}

// IsolationPriority is the priority of the implicit Baseline policy of an isolated Segment:
// after every priority that a document can state (0..1000).
const IsolationPriority int32 = 1001

// Subject selects the endpoints that a policy governs. Exactly one of Pods and Segment is set.
// A subject never selects anything but endpoints.
type Subject struct {
	Pods    *PodSelector
	Segment string
}

// PodSelector selects endpoints by namespace and labels.
type PodSelector struct {
	// Namespace, when set, is the one namespace that matches, and NamespaceSelector is unused.
	Namespace string
	// NamespaceSelector matches the labels of the endpoint's namespace.
	NamespaceSelector Selector
	// Selector matches the labels of the endpoint.
	Selector Selector
}

// Rule is peers and ports with an action. In the NetworkPolicy tier the action is Accept.
type Rule struct {
	// Name is the rule's own name, or empty.
	Name string
	// Index is the rule's place in its document's list, from 0.
	Index    int
	Position Position
	Action   Action
	// AnyPeer matches every party, the own node included. Otherwise one of Peers must match;
	// no peers match nothing.
	AnyPeer bool
	Peers   []Peer
	// AnyPort matches every protocol and port. Otherwise one of Ports must match; no ports
	// match nothing.
	AnyPort bool
	Ports   []Port
	Log     LogMode
	// Closed says, when not empty, why the rule is not enforced as written ("domainNames is
	// not enforced yet"). An Accept rule then matches nothing, a Deny, Reject or Pass rule has
	// become Deny of everything.
	Closed string
}

// Peer is the other side of a rule. Exactly one field is set.
type Peer struct {
	Pods    *PodSelector
	Segment string
	CIDR    *CIDR
	Entity  Entity
}

// CIDR is an address block without the blocks in Except. It matches the packet's address,
// whoever owns it: endpoints, the own node (in Admin and Baseline) and the world alike.
type CIDR struct {
	Prefix netip.Prefix
	Except []netip.Prefix
}

// Contains reports whether the block holds a and no exception does.
func (c CIDR) Contains(a netip.Addr) bool {
	if !c.Prefix.Contains(a) {
		return false
	}
	for _, x := range c.Except {
		if x.Contains(a) {
			return false
		}
	}
	return true
}

// Protocol numbers of IANA's registry that the policy language names.
const (
	ProtocolICMP   uint8 = 1
	ProtocolTCP    uint8 = 6
	ProtocolUDP    uint8 = 17
	ProtocolICMPv6 uint8 = 58
	ProtocolSCTP   uint8 = 132
)

// Port is one protocol, or a part of it.
type Port struct {
	// Protocol is an IP protocol number. With Named set, 0 means "the protocol of the
	// container port of that name".
	Protocol uint8
	// First and Last bound the destination port (tcp, udp, sctp), both included; 0 and 65535
	// for the whole protocol.
	First, Last uint16
	// Named is a container port of the destination endpoint. It never matches a destination
	// that is not an endpoint.
	Named string
	// ICMPType and ICMPCode narrow icmp and icmpv6; nil means every type, every code.
	ICMPType, ICMPCode *uint8
}

// Segment is a named set of endpoints and of addresses that are not endpoints.
type Segment struct {
	Ref      Ref
	Position Position
	Members  []Member
	Isolated bool
}

// Member is one part of a Segment. Exactly one field is set.
type Member struct {
	Pods *PodSelector
	// Networks matches every endpoint attached to a CNI or Docker network of that name.
	Networks []string
	// CIDRs match addresses that are neither endpoints nor the own node.
	CIDRs []netip.Prefix
}

// Endpoint is one attachment of a workload.
type Endpoint struct {
	// ID is unique on the node: the container id, a slash, and the interface name.
	ID        string            `json:"id"`
	Namespace string            `json:"namespace"`
	Name      string            `json:"name"`
	Interface string            `json:"interface"`
	Network   string            `json:"network,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	Ports     []NamedPort       `json:"ports,omitempty"`
	Addresses []netip.Addr      `json:"addresses"`
	// Quarantine is nil unless the endpoint is cut off.
	Quarantine *Quarantine `json:"quarantine,omitempty"`
}

// NamedPort is a container port with a name.
type NamedPort struct {
	Name     string `json:"name"`
	Protocol uint8  `json:"protocol"`
	Port     uint16 `json:"port"`
}

// Set is every accepted document, validated and ordered, and everything that was found wrong.
// A Set is immutable once loaded.
type Set struct {
	// Policies are in the order of evaluation: tier, priority, kind, namespace, name.
	Policies []*Policy
	Segments map[string]*Segment
	// Namespaces maps a namespace to its labels. Every namespace has the label
	// kubernetes.io/metadata.name, declared or not; see NamespaceLabels.
	Namespaces map[string]map[string]string
	Problems   []Problem
	// AllowEncapsulation says that policy decides about tunnel protocols too. It is the node's
	// configuration, not any document's; otherwise an endpoint's tunnels are always dropped.
	AllowEncapsulation bool
	// Documents are the accepted documents: what a caller keeps as the last good version.
	Documents []Document
	// Rejected are the rejected documents of which no earlier version stands, so that what is
	// closed in their place can be closed again, see Restore.
	Rejected []Document
}

// Document is one accepted document as it was written.
type Document struct {
	Ref  Ref    `json:"ref"`
	File string `json:"file"`
	Line int    `json:"line"`
	Raw  []byte `json:"raw"`
}

// File is policy text to load; Name is used in positions only.
type File struct {
	Name string
	Data []byte
	// Unreadable says why the file has no text, in the form "found ..., accepted ...". It becomes
	// a problem, and the documents that the file once held stay in force.
	Unreadable string
}
