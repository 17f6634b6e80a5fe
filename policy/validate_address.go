// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"regexp"
	"strings"
)

const cidrAccepted = "a CIDR such as 10.0.0.0/8 or fd00::/8"

// prefix reads a CIDR in the one spelling that every reader understands alike. An octet with a
// leading zero is octal to some, host bits may be a typing error in the length, and an
// IPv4-mapped address would be an IPv6 set that no IPv4 packet ever matches.
func (v value) prefix() (netip.Prefix, bool) {
	s, ok := v.text(cidrAccepted)
	if !ok {
		return netip.Prefix{}, false
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		v.wrong(cidrAccepted + prefixHint(s))
		return netip.Prefix{}, false
	}
	if p.Addr().Is4In6() {
		v.wrong("an IPv4 address written as such" + mappedHint(p))
		return netip.Prefix{}, false
	}
	if p.Masked() != p {
		v.wrong("a CIDR without host bits, e.g. " + p.Masked().String())
		return netip.Prefix{}, false
	}
	return p, true
}

var leadingZero = regexp.MustCompile(`(^|\.)0+[0-9]`)

func prefixHint(s string) string {
	address, length, slash := strings.Cut(s, "/")
	if !slash {
		if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" && !a.Is4In6() {
			return ", e.g. " + netip.PrefixFrom(a, a.BitLen()).String()
		}
		return ""
	}
	if leadingZero.MatchString(address) && !strings.Contains(address, ":") {
		return ", without leading zeros"
	}
	if len(length) > 1 && length[0] == '0' {
		return ", its length without leading zeros"
	}
	return ""
}

func mappedHint(p netip.Prefix) string {
	if p.Bits() < 96 {
		return ""
	}
	v4 := netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	return ", e.g. " + v4.Masked().String()
}

// prefixes reads a list of CIDRs.
func (v value) prefixes(low, high int) []netip.Prefix {
	var found []netip.Prefix
	for _, item := range v.texts("CIDRs", low, high) {
		if p, ok := item.prefix(); ok {
			found = append(found, p)
		}
	}
	return found
}

// strictlyWithin rejects an exception that is not a strict part of its block: it would either
// remove everything or nothing, and its author meant neither.
func (v value) strictlyWithin(block, exception netip.Prefix) {
	if exception == block || !within(block, exception) {
		v.wrong("a CIDR inside " + block.String() + " and smaller than it")
	}
}

var domainName = regexp.MustCompile(
	`^(\*\.)?([a-zA-Z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.)+[a-zA-Z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.?$`)

// domains checks a list of domain names. They are validated although they are not enforced, so
// that a document accepted today does not become wrong on the day they are.
func (v value) domains() {
	for _, item := range v.texts("domain names", 1, 25) {
		s, ok := item.text("a domain name")
		if ok && (len(s) > 254 || !domainName.MatchString(s)) {
			item.wrong("a domain name such as example.org or *.example.org")
		}
	}
}
