// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"net/netip"
	"time"

	"github.com/bulkhead-net/bulkhead/policy"
)

// Schema is the version of Record that this package writes.
const Schema = 1

// Kind says what a record tells about.
type Kind string

// The kinds of records.
const (
	Denied     Kind = "deny"       // packets that were refused
	WouldDeny  Kind = "would-deny" // packets that passed, and that an Audit policy alone would refuse
	Allowed    Kind = "allow"      // a sample of new connections that passed, where a rule asks for it
	LossReport Kind = "loss"       // packets that a counter counted and that no record tells
)

// Action is what became of the packets.
type Action string

// The actions. A rejected packet is answered: TCP with a reset, everything else with an ICMP error.
const (
	Drop   Action = "drop"
	Reject Action = "reject"
	Pass   Action = "pass"
)

// Source says where the numbers of a record come from.
type Source string

// The sources. Numbers of the kernel are exact; those of samples are what was seen of more.
const (
	FromKernel  Source = "kernel"  // elements of the per-flow sets
	FromSamples Source = "samples" // packets that the kernel's log handed over
)

// Record is one or many packets with the same Key.
type Record struct {
	// ID is unique and grows with time (a ULID), so that what is delivered twice counts once.
	ID     string `json:"id"`
	Schema int    `json:"schema"`
	Kind   Kind   `json:"kind"`
	// Start and End are of the first and the last packet, in UTC. For packets that only the
	// per-flow sets tell of, they are the bounds of the window.
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`

	// Node is the host's name; Boot changes when it starts again, Agent when its agent does.
	Node  string `json:"node"`
	Boot  string `json:"boot"`
	Agent string `json:"agent"`
	// Sequence numbers the records of one Agent from 1 on: a gap was lost on the way.
	Sequence uint64 `json:"sequence"`

	// Direction is as seen from Subject.
	Direction policy.Direction `json:"direction"`
	Action    Action           `json:"action"`
	Reason    Reason           `json:"reason"`
	// Counter is the kernel's counter that counted these packets.
	Counter Counter `json:"counter"`
	// Generation is the kernel's generation by which the packets were judged.
	Generation uint32 `json:"generation"`
	// Policies is the hash of the documents that were in force, under which they are kept.
	Policies string `json:"policies,omitempty"`

	// Rule is the rule that decided, for ReasonRule.
	Rule *policy.RuleRef `json:"rule,omitempty"`
	// Isolating are all policies that isolate the subject in this direction, for a default deny.
	Isolating []policy.Ref `json:"isolating,omitempty"`
	// WouldDeny are the Audit policies that, each alone, would have refused.
	WouldDeny []policy.Audited `json:"wouldDeny,omitempty"`
	// Why is the decision in one sentence, for people.
	Why string `json:"why"`

	// Client and Server are the ends of the flow as it began, whichever way the packet went; the
	// addresses and ports are those that the policy sees, after destination NAT. ICMP's service is
	// Type and Code.
	Client Party  `json:"client"`
	Server Party  `json:"server"`
	Proto  uint8  `json:"proto"`
	Port   uint16 `json:"port,omitempty"`
	Type   uint8  `json:"icmpType,omitempty"`
	Code   uint8  `json:"icmpCode,omitempty"`
	// TCPFlags are those of the first packet that was sampled, as in the header's 14th byte.
	TCPFlags uint8 `json:"tcpFlags,omitempty"`
	// EtherType is set instead of all that is IP's for frames that are neither IPv4 nor IPv6.
	EtherType uint16 `json:"etherType,omitempty"`
	// Community is the flow's Community ID, version 1, of the first sampled packet.
	Community string `json:"communityId,omitempty"`

	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	Source  Source `json:"source"`
	// Sampled is how many packets the kernel's log handed over.
	Sampled uint64 `json:"sampled"`
	// Ports and Peers are how many ports and peers are folded into this record when there were too
	// many to tell each: Scan says so. Both are 1 otherwise, or 0 where there is none.
	Ports uint32 `json:"ports,omitempty"`
	Peers uint32 `json:"peers,omitempty"`
	Scan  bool   `json:"scan,omitempty"`
	// Lost is, for a loss report, how many packets Counter counted in this time that no record
	// tells.
	Lost uint64 `json:"lost,omitempty"`
}

// Party is one end of a flow.
type Party struct {
	// Addr is invalid for frames that carry no address.
	Addr netip.Addr `json:"addr,omitzero"`
	// Prefix holds the peers' addresses when many are folded into one record.
	Prefix netip.Prefix `json:"prefix,omitzero"`
	// Port is the client's port of the first sampled packet; a Record's Port is the server's.
	Port uint16 `json:"port,omitempty"`
	// Host says that it is the own node.
	Host bool `json:"host,omitempty"`
	// ID, Namespace, Name and Interface name the endpoint that held Addr when the packet came; ID
	// is empty if none of this node did.
	ID        string            `json:"id,omitempty"`
	Namespace string            `json:"namespace,omitempty"`
	Name      string            `json:"name,omitempty"`
	Interface string            `json:"interface,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	// Device is the interface of the node by which the packet came or would have left: the
	// endpoint's port for a bridged one.
	Device string `json:"device,omitempty"`
	// MAC is the source address of the frame, where it carries one.
	MAC string `json:"mac,omitempty"`
}

// Counter names one counter of the kernel: a group's, or one of a reason that no group has.
type Counter struct {
	// Family is the table's: "ip", "ip6" or "bridge".
	Family string `json:"family"`
	// Group is the hash of the group, and Kind its question: "egress", "ingress", "to-host" or
	// "from-host". Both are empty for what no group refuses.
	Group string `json:"group,omitempty"`
	Kind  string `json:"kind,omitempty"`
	// Word is the reason as the rules spell it.
	Word string `json:"word"`
}
