// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// Each function adds one thing to what is closed. The error says why it cannot stand in our rules,
// or closes what its author cannot have meant.

// AddInterface closes a bridge or a routed interface by its name.
func AddInterface(m *compile.Managed, name string) error {
	if err := ruleset.ValidInterface(name); err != nil {
		return err
	}
	if name == "lo" {
		return errors.New("interface lo: the node talks to itself there")
	}
	return add(&m.Interfaces, name)
}

// AddPrefix closes interfaces by the beginning of their names.
func AddPrefix(m *compile.Managed, prefix string) error {
	if err := ruleset.ValidInterface(prefix); err != nil {
		return fmt.Errorf("prefix: %w", err)
	}
	if strings.HasPrefix("lo", prefix) {
		return fmt.Errorf("prefix %q: the interface lo begins so", prefix)
	}
	return add(&m.Prefixes, prefix)
}

// AddKind closes interfaces of a kind, such as veth.
func AddKind(m *compile.Managed, kind string) error {
	if err := ruleset.ValidInterface(kind); err != nil {
		return fmt.Errorf("link kind: %w", err)
	}
	if strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return fmt.Errorf("link kind %q: accepted is a word such as veth", kind)
	}
	return add(&m.Kinds, kind)
}

// AddSubnet closes an address block.
func AddSubnet(m *compile.Managed, text string) error {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return fmt.Errorf("subnet %q: accepted is an address block such as 10.1.0.0/16", text)
	}
	switch {
	case p.Addr().Is4In6():
		return fmt.Errorf("subnet %s: accepted is IPv4 or IPv6, not one inside the other", p)
	case p != p.Masked():
		return fmt.Errorf("subnet %s: has host bits, did you mean %s?", p, p.Masked())
	case p.Bits() == 0:
		return fmt.Errorf("subnet %s: is every address, the node's own uplink included", p)
	}
	if slices.Contains(m.Subnets, p) {
		return nil
	}
	m.Subnets = append(m.Subnets, p)
	return nil
}

func add(list *[]string, value string) error {
	if !slices.Contains(*list, value) {
		*list = append(*list, value)
	}
	return nil
}
