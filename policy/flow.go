// SPDX-License-Identifier: Apache-2.0

package policy

import "net/netip"

// Party is one side of a flow, with the address that the policy sees: the container's own
// address, after destination NAT.
type Party struct {
	// Endpoint is nil when the address belongs to no endpoint of ours.
	Endpoint *Endpoint
	Addr     netip.Addr
	// Host says that the party is the own node. It is recognised by where the packet enters
	// or leaves the network stack, never by a list of addresses.
	Host bool
}

// Flow is one connection attempt, as seen by its first packet.
type Flow struct {
	From, To Party
	// Protocol is the IP protocol number.
	Protocol uint8
	// Port is the destination port of tcp, udp and sctp.
	Port uint16
	// ICMPType and ICMPCode describe icmp and icmpv6.
	ICMPType, ICMPCode uint8
	// ViaService says that From and To may be the same endpoint because a Service address was
	// translated back to it. Such a flow is judged; one to the own address is not.
	ViaService bool
}

// RuleRef names one rule of one policy.
type RuleRef struct {
	Policy    Ref       `json:"policy"`
	Tier      Tier      `json:"tier"`
	Direction Direction `json:"direction"`
	Index     int       `json:"index"`
	Name      string    `json:"name,omitempty"`
	Position  Position  `json:"position"`
}

// Reason says why a decision fell as it did.
type Reason string

// The reasons a policy decision can have.
const (
	ReasonRule         Reason = "rule"          // a rule matched
	ReasonDefaultDeny  Reason = "default-deny"  // isolated, and no rule accepts
	ReasonDefaultAllow Reason = "default-allow" // nothing selects the endpoint in that direction
	ReasonOwnAddress   Reason = "own-address"   // an endpoint talking to itself
	ReasonNotSubject   Reason = "not-subject"   // the side is no endpoint, so nothing judges it
	ReasonLinkLocal    Reason = "link-local"    // link-local unicast between the parties
	ReasonMulticast    Reason = "multicast"     // broadcast and multicast
	ReasonLoopback     Reason = "loopback"      // a loopback destination

	ReasonEncapsulation Reason = "encapsulation" // a tunnel that begins in an endpoint

	// The side is in quarantine: what it sends is denied, and what it receives, unless the
	// quarantine lets the sender in.
	ReasonQuarantine Reason = "quarantine"
)

// Decision is what the Set says about a flow, or about one direction of it.
type Decision struct {
	// Action is Accept, Deny or Reject.
	Action Action `json:"action"`
	// Direction is the direction that decided; for an accepted flow, Ingress. Reason and Rule
	// of an accepted flow are those of the last side that is an endpoint.
	Direction Direction `json:"direction"`
	Reason    Reason    `json:"reason"`
	// Rule is the rule that decided, when Reason is ReasonRule.
	Rule *RuleRef `json:"rule,omitempty"`
	// Isolating names, for a default deny, every policy that isolates the endpoint.
	Isolating []Ref `json:"isolating,omitempty"`
	// Silent says that the rule that refuses has log None: it is counted, and not logged.
	Silent bool `json:"silent,omitempty"`
	// WouldDeny tells which Audit policies, each alone, would have refused what is accepted.
	WouldDeny []Audited `json:"wouldDeny,omitempty"`
	// Logged are the directions in which a rule that accepts has log All: it asks for a record of
	// the connection.
	Logged []Direction `json:"logged,omitempty"`
	// Why is the decision in one sentence, for people.
	Why string `json:"why"`
}
