// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"fmt"
	"math/bits"
	"net/netip"
)

// Config is what a node's administrator decides about the kernel state.
type Config struct {
	// EpochMask is the field of the conntrack mark that holds a flow's epoch: one run of at
	// least eight bits. Nothing else on the node may write it.
	EpochMask uint32 `json:"epochMask"`
	// PassedMark is the one bit of the packet mark that says "judged in ip forward": the
	// bridge table drops frames between endpoints that lack it.
	PassedMark uint32 `json:"passedMark"`
	// LogGroup is the NFLOG group of denied packets.
	LogGroup uint16 `json:"logGroup"`
	// Managed says what is closed before any endpoint exists.
	Managed Managed `json:"managed"`
	// AllowEncapsulation is what a node copies to its policy set (policy.Set).
	AllowEncapsulation bool `json:"allowEncapsulation,omitempty"`
}

// Managed names interfaces and addresses that are closed unless an endpoint opens them.
type Managed struct {
	// Interfaces are bridges and routed interfaces by name.
	Interfaces []string `json:"interfaces,omitempty"`
	// Prefixes are beginnings of interface names.
	Prefixes []string `json:"prefixes,omitempty"`
	// Kinds are rtnetlink link kinds, such as veth.
	Kinds []string `json:"kinds,omitempty"`
	// Subnets are the address blocks of managed networks.
	Subnets []netip.Prefix `json:"subnets,omitempty"`
}

// DefaultConfig returns the configuration of a node that states nothing.
func DefaultConfig() Config {
	return Config{EpochMask: 0xffff0000, PassedMark: 0x01000000, LogGroup: 4711}
}

// Validate checks the marks.
func (c Config) Validate() error {
	run := c.EpochMask >> bits.TrailingZeros32(c.EpochMask)
	if bits.OnesCount32(c.EpochMask) < 8 || run&(run+1) != 0 {
		return fmt.Errorf("epochMask: found %#x, accepted one run of at least 8 bits", c.EpochMask)
	}
	if bits.OnesCount32(c.PassedMark) != 1 {
		return fmt.Errorf("passedMark: found %#x, accepted exactly one bit", c.PassedMark)
	}
	return nil
}

// Epochs is the number of epoch values that the mask can hold, zero not counted: zero is the
// mark of a connection that nobody judged and is never live.
func (c Config) Epochs() uint32 {
	return c.EpochMask >> bits.TrailingZeros32(c.EpochMask)
}

// mark places an epoch in the conntrack mark.
func (c Config) mark(epoch uint32) uint32 {
	return epoch << bits.TrailingZeros32(c.EpochMask) & c.EpochMask
}

// Empty reports whether nothing is managed but what endpoints make so.
func (m Managed) Empty() bool {
	return len(m.Interfaces)+len(m.Prefixes)+len(m.Kinds)+len(m.Subnets) == 0
}
