// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"net/netip"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// family is what differs between the two renderings of the one program for IP.
type family struct {
	family       ruleset.Family
	zero         netip.Addr // the lowest address
	address      ruleset.Type
	saddr, daddr ruleset.Field
	icmp         uint8
	loopback     string
	multicast    string
}

var ipv4 = family{
	family:    ruleset.IP,
	zero:      netip.AddrFrom4([4]byte{}),
	address:   ruleset.TypeIPv4,
	saddr:     ruleset.IPSaddr,
	daddr:     ruleset.IPDaddr,
	icmp:      policy.ProtocolICMP,
	loopback:  "127.0.0.0/8",
	multicast: "224.0.0.0/4",
}

var ipv6 = family{
	family:    ruleset.IP6,
	zero:      netip.IPv6Unspecified(),
	address:   ruleset.TypeIPv6,
	saddr:     ruleset.IP6Saddr,
	daddr:     ruleset.IP6Daddr,
	icmp:      policy.ProtocolICMPv6,
	loopback:  "::1/128",
	multicast: "ff00::/8",
}

func (f family) v6() bool { return f.family == ruleset.IP6 }

// has reports whether the address is of the family.
func (f family) has(a netip.Addr) bool { return a.Is4() == f.zero.Is4() }
