// SPDX-License-Identifier: Apache-2.0

package ruleset

import "time"

// Family is the address family of a table.
type Family uint8

// The families we own a table in, in the order in which they print and apply.
const (
	IP Family = iota
	IP6
	Bridge
)

// TableName is the name of our table in each family. If it is in our table, it is ours.
const TableName = "bulkhead"

// Ruleset is one node's whole kernel state of ours: at most one table for each family.
type Ruleset struct {
	Tables []Table
}

// Table is one nftables table. Its parts are sorted by name; chains too, since the kernel
// keeps no order among chains (base chains run by hook and priority).
type Table struct {
	Family   Family
	Counters []string // names of counter objects
	Sets     []Set    // sets and verdict maps
	Chains   []Chain
}

// Type is the data type of one field of a set's key, with nft's name for it.
type Type uint8

// The key types in use. TypeTarget is the target address of a neighbour advertisement and
// TypeClient the client's hardware address in a DHCP message, which nft 1.0.6 can only name as
// raw payload expressions; a set with one of them prints with typeof.
const (
	TypeIfname  Type = iota // ifname, 16 bytes, zero padded
	TypeIPv4                // ipv4_addr, 4 bytes
	TypeIPv6                // ipv6_addr, 16 bytes
	TypeEther               // ether_addr, 6 bytes, padded to 8 inside a key
	TypeMark                // mark, 4 bytes
	TypeProto               // inet_proto, 1 byte, padded to 4 inside a key
	TypeService             // inet_service, 2 bytes, padded to 4 inside a key
	TypeTarget              // @th,64,128, 16 bytes
	TypeClient              // @th,288,48, 6 bytes, padded to 8 inside a key
)

// Raw reports whether nft can name the type as a raw payload expression only.
func (t Type) Raw() bool { return t == TypeTarget || t == TypeClient }

// Key is the bytes of a set key: every field in network byte order (marks too, which the
// kernel keeps in host order: internal/nft converts), padded with zeros to a multiple of four
// when the key has several fields.
type Key string

// Set is a named set or verdict map.
type Set struct {
	Name  string
	Types []Type
	// Verdicts makes it a map from keys to verdicts.
	Verdicts bool
	// Interval lets elements be ranges (Element.Last). Only for single-field keys.
	Interval bool
	// Dynamic, when not nil, says that packets fill the set; such a set has no Elements here
	// and its content takes no part in Diff.
	Dynamic *Dynamic
	// Elements are sorted by key and disjoint.
	Elements []Element
}

// Dynamic describes a set filled by Update statements.
type Dynamic struct {
	Size    uint32
	Timeout time.Duration
	// Counter gives each element a packet and byte counter.
	Counter bool
}

// Element is one member of a set or map.
type Element struct {
	Key Key
	// Last is the last key of a range in an Interval set, both ends included. Empty for a
	// single key.
	Last Key
	// Verdict is set in verdict maps only.
	Verdict Verdict
	Comment string
}

// Chain is a base chain or a regular one.
type Chain struct {
	Name string
	// Base is nil for a regular chain. Every base chain is of type filter, policy accept.
	Base  *Base
	Rules []Rule
}

// Hook is a netfilter hook.
type Hook uint8

// The hooks we use.
const (
	Prerouting Hook = iota
	Input
	Forward
	Output
	Postrouting
)

// Base attaches a chain to a hook.
type Base struct {
	Hook Hook
	// Priority is numeric, as the kernel has it (forward "filter - 10" is -10, postrouting
	// "srcnat - 10" is 90).
	Priority int
}

// Rule is statements evaluated from left to right. A match that fails ends the rule.
type Rule struct {
	Statements []Statement
	Comment    string // at most 127 bytes
}
