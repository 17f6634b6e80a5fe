// SPDX-License-Identifier: Apache-2.0

package flow

// Reason says in one word why packets were refused.
type Reason string

// The reasons of a policy's refusals.
const (
	ReasonRule        Reason = "rule"         // a rule says so
	ReasonDefaultDeny Reason = "default-deny" // isolated, and no rule accepts
	ReasonQuarantine  Reason = "quarantine"   // an end is in quarantine, or nobody's yet
	ReasonAudit       Reason = "audit"        // nothing was refused; see Record.WouldDeny
)

// The reasons of what is refused whatever the policy.
const (
	ReasonSpoof         Reason = "spoof"         // a source that is not the sender's
	ReasonOptions       Reason = "options"       // IPv4 options, routing headers, hidden headers
	ReasonInvalid       Reason = "invalid"       // conntrack cannot make sense of it
	ReasonUntracked     Reason = "untracked"     // somebody keeps it from conntrack
	ReasonMidstream     Reason = "midstream"     // TCP that does not begin with SYN
	ReasonRelated       Reason = "related"       // an ICMP error of no flow of the sender's
	ReasonRedirect      Reason = "redirect"      // an ICMP redirect
	ReasonMulticast     Reason = "multicast"     // broadcast or multicast
	ReasonLoopback      Reason = "loopback"      // a loopback address on the wire
	ReasonLinkLocal     Reason = "link-local"    // link-local unicast
	ReasonEncapsulation Reason = "encapsulation" // a tunnel
	ReasonIsolated      Reason = "isolated"      // between isolated ports of a bridge
	ReasonPublished     Reason = "published"     // a published port that the client may not use
	ReasonEtherType     Reason = "ethertype"     // neither IP nor ARP, or tagged
	ReasonRouter        Reason = "router"        // a router's messages from an endpoint
	ReasonDHCPServer    Reason = "dhcp-server"   // a DHCP server's messages from an endpoint
	ReasonUnknownPort   Reason = "unknown-port"  // a port of the bridge that no endpoint has
	ReasonUnjudged      Reason = "unjudged"      // the bridge does not hand it to the policy
	ReasonMisdelivered  Reason = "misdelivered"  // about to leave through somebody else's port
)
