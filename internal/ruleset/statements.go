// SPDX-License-Identifier: Apache-2.0

package ruleset

import "net/netip"

// Statement is one expression of a rule: a match, an action, or a verdict.
type Statement interface{ statement() }

// Compare matches when the field equals Value (differs, with Not). Value has the field's own
// width, network byte order, unpadded.
type Compare struct {
	Field Field
	Not   bool
	Value Key
}

// Masked matches when field & Mask equals Value (differs, with Not). For marks, and for tcp
// flags (low byte).
type Masked struct {
	Field       Field
	Mask, Value uint32
	Not         bool
}

// OneOf matches when the field is one of Values (none of them, with Not): an anonymous set.
// Never of interface names, which nft 1.0.6 lists wrongly.
type OneOf struct {
	Field  Field
	Not    bool
	Values []Key
}

// InPrefix matches an address field inside Prefix (outside, with Not).
type InPrefix struct {
	Field  Field
	Not    bool
	Prefix netip.Prefix
}

// NamePrefix matches an interface name that begins with Prefix: iifname "cali*".
type NamePrefix struct {
	Field  Field
	Prefix string
}

// States matches when the packet's conntrack state is one of the given ones (ct state).
type States struct {
	States []State
}

// Confirmed matches a packet of a connection whose first packet has gone through every hook (ct
// status confirmed): conntrack confirms an entry when its packet leaves the node, and forgets it
// with a packet that is dropped.
type Confirmed struct{}

// RoutingHeader matches a packet with an IPv6 routing extension header.
type RoutingHeader struct{}

// Lookup matches when the fields, as one key, are in the named set (are not, with Not). Mask,
// when not zero, is applied to the single field first (ct mark & Mask).
type Lookup struct {
	Fields []Field
	Set    string
	Not    bool
	Mask   uint32
}

// VerdictMap looks the fields up in the named map and follows the verdict found. When the key
// is absent the rule ends and the next one runs.
type VerdictMap struct {
	Fields []Field
	Map    string
}

// Update inserts or refreshes the key in the named dynamic set. With Limit, the rule goes on
// only while the key's own rate is not exceeded. When the set is full the rule ends.
type Update struct {
	Set    string
	Fields []Field
	Limit  *Rate
}

// Rate is a token bucket: PerSecond packets, bursts of Burst.
type Rate struct {
	PerSecond uint64
	Burst     uint32
}

// CounterRef counts the packet on a named counter object, which survives changes of the rule.
type CounterRef struct{ Name string }

// Log sends the packet's head to an NFLOG group. It has no verdict of its own.
type Log struct {
	Prefix  string // at most 127 bytes
	Group   uint16
	Snaplen uint32
}

// SetMark writes (mark & Keep) | Or into the packet mark, or the conntrack mark when CT is set.
type SetMark struct {
	CT       bool
	Keep, Or uint32
}

// RejectWith answers and drops: a TCP reset (tcp only), or ICMP admin-prohibited. Legal only
// in chains that no postrouting hook reaches.
type RejectWith struct{ TCPReset bool }

// VerdictKind is what a verdict does.
type VerdictKind uint8

// The verdicts. NoVerdict is the zero value.
const (
	NoVerdict VerdictKind = iota
	AcceptVerdict
	DropVerdict
	JumpVerdict
	GotoVerdict
	ReturnVerdict
)

// Verdict ends a rule. Chain is set for jump and goto.
type Verdict struct {
	Kind  VerdictKind
	Chain string
}

func (Compare) statement()       {}
func (Masked) statement()        {}
func (OneOf) statement()         {}
func (InPrefix) statement()      {}
func (NamePrefix) statement()    {}
func (States) statement()        {}
func (Confirmed) statement()     {}
func (RoutingHeader) statement() {}
func (Lookup) statement()        {}
func (VerdictMap) statement()    {}
func (Update) statement()        {}
func (CounterRef) statement()    {}
func (Log) statement()           {}
func (SetMark) statement()       {}
func (RejectWith) statement()    {}
func (Verdict) statement()       {}
