// SPDX-License-Identifier: Apache-2.0

package flow

import "fmt"

// sentences say why what no group refuses is dropped.
var sentences = map[Reason]string{
	ReasonSpoof:         "the source address is not one that the sender may use where it came from",
	ReasonQuarantine:    "one end is a managed interface or address that no endpoint has",
	ReasonOptions:       "the packet has IPv4 options or IPv6 headers that hide or redirect it",
	ReasonInvalid:       "conntrack cannot make sense of the packet",
	ReasonUntracked:     "somebody keeps the packet from conntrack, so that no flow can be judged",
	ReasonMidstream:     "the TCP packet begins no connection and belongs to none that is known",
	ReasonRelated:       "the ICMP error speaks of no flow of its sender's that may go on",
	ReasonRedirect:      "the ICMP redirect would change routes",
	ReasonMulticast:     "the packet is for many receivers, which no rule can tell apart",
	ReasonLoopback:      "the packet carries a loopback address over a network",
	ReasonLinkLocal:     "the packet is from a link-local address, which is for discovery only",
	ReasonEncapsulation: "an endpoint sends a tunnel protocol",
	ReasonIsolated:      "both ends are isolated ports of one bridge",
	ReasonPublished:     "the client's own policies forbid it the endpoint behind this published port",
	ReasonEtherType:     "the frame is neither IP nor ARP, or is tagged",
	ReasonRouter:        "an endpoint sends a message that is a router's to send",
	ReasonDHCPServer:    "an endpoint sends a message that is a DHCP server's to send",
	ReasonUnknownPort:   "no endpoint has this port of the bridge",
	ReasonUnjudged:      "the bridge does not hand the packet to the rules of IP",
	ReasonMisdelivered:  "the frame was about to leave through a port that is not the receiver's",
}

func sentence(r Reason) string {
	if text, ok := sentences[r]; ok {
		return text
	}
	return fmt.Sprintf("the kernel dropped it for %q, which this version does not know", string(r))
}
