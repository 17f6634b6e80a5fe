// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/policy"
)

// The errors of what follows say what was found and what is accepted.

func wrong(found, accepted string) error {
	return fmt.Errorf("found %q, accepted %s", found, accepted)
}

// Kinds and Reasons are all that records have.
var (
	Kinds   = []flow.Kind{flow.Denied, flow.WouldDeny, flow.Allowed, flow.LossReport}
	Reasons = []flow.Reason{flow.ReasonRule, flow.ReasonDefaultDeny, flow.ReasonQuarantine,
		flow.ReasonAudit, flow.ReasonSpoof, flow.ReasonOptions, flow.ReasonInvalid, flow.ReasonUntracked,
		flow.ReasonMidstream, flow.ReasonRelated, flow.ReasonRedirect, flow.ReasonMulticast,
		flow.ReasonLoopback, flow.ReasonLinkLocal, flow.ReasonEncapsulation, flow.ReasonIsolated,
		flow.ReasonPublished, flow.ReasonEtherType, flow.ReasonRouter, flow.ReasonDHCPServer,
		flow.ReasonUnknownPort, flow.ReasonUnjudged, flow.ReasonMisdelivered}
)

// ParseKind reads the name of a kind of records.
func ParseKind(text string) (flow.Kind, error) { return oneOf(text, Kinds) }

// ParseReason reads the word of a reason.
func ParseReason(text string) (flow.Reason, error) { return oneOf(text, Reasons) }

func oneOf[T ~string](text string, all []T) (T, error) {
	if slices.Contains(all, T(text)) {
		return T(text), nil
	}
	words := make([]string, len(all))
	for i, w := range all {
		words[i] = string(w)
	}
	return "", wrong(text, "one of "+strings.Join(words, ", "))
}

// ParseDirection reads "egress" or "ingress".
func ParseDirection(text string) (d policy.Direction, err error) {
	if d.UnmarshalText([]byte(text)) != nil {
		return 0, wrong(text, "egress or ingress")
	}
	return d, nil
}

var protocols = map[string]uint8{
	"tcp": policy.ProtocolTCP, "udp": policy.ProtocolUDP, "sctp": policy.ProtocolSCTP,
	"icmp": policy.ProtocolICMP, "icmpv6": policy.ProtocolICMPv6,
}

// ParseProtocol reads the name or the number of a protocol.
func ParseProtocol(text string) (uint8, error) {
	if number, ok := protocols[strings.ToLower(text)]; ok {
		return number, nil
	}
	number, err := strconv.ParseUint(text, 10, 8)
	if err != nil {
		return 0, wrong(text, "tcp, udp, sctp, icmp, icmpv6 or a number from 0 to 255")
	}
	return uint8(number), nil
}

// ParsePort reads a port, or two with a dash between them.
func ParsePort(text string) (PortRange, error) {
	first, last, ranged := strings.Cut(text, "-")
	if !ranged {
		last = first
	}
	a, err1 := strconv.ParseUint(first, 10, 16)
	b, err2 := strconv.ParseUint(last, 10, 16)
	if err1 != nil || err2 != nil || a > b {
		return PortRange{}, wrong(text, "a port from 0 to 65535, or a range such as 8000-8080")
	}
	return PortRange{uint16(a), uint16(b)}, nil
}

// ParsePeer reads a block or an address.
func ParsePeer(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	block, err := netip.ParsePrefix(text)
	if err != nil || block.Addr().Is4In6() {
		return netip.Prefix{}, wrong(text, "a CIDR such as 10.0.0.0/8 or fd00::/8, or an address")
	}
	return block.Masked(), nil
}

var policyKinds = []string{policy.KindNetworkPolicy, policy.KindClusterNetworkPolicy,
	policy.KindAdminNetworkPolicy, policy.KindBaselineAdminNetworkPolicy,
	policy.KindSegmentationPolicy, policy.KindSegment}

// ParsePolicy reads a policy's name: NAME, NAMESPACE/NAME, KIND/NAME or KIND/NAMESPACE/NAME. The
// case of a kind does not matter.
func ParsePolicy(text string) (PolicyName, error) {
	parts := strings.Split(text, "/")
	refused := wrong(text, "NAME, NAMESPACE/NAME, KIND/NAME or KIND/NAMESPACE/NAME, where KIND is "+
		"one of "+strings.Join(policyKinds, ", "))
	if len(parts) > 3 || slices.Contains(parts, "") {
		return PolicyName{}, refused
	}
	kind := slices.IndexFunc(policyKinds, func(k string) bool {
		return strings.EqualFold(k, parts[0])
	})
	n := PolicyName{Name: parts[len(parts)-1]}
	switch {
	case len(parts) == 3 && kind < 0:
		return PolicyName{}, refused
	case len(parts) == 3:
		n.Kind, n.Namespace = policyKinds[kind], parts[1]
	case len(parts) == 2 && kind >= 0:
		n.Kind = policyKinds[kind]
	case len(parts) == 2:
		n.Namespace = parts[0]
	}
	return n, nil
}

// ParseTime reads a moment: RFC 3339, or how long it is ago.
func ParseTime(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	ago, err := parseDuration(text)
	if err != nil || ago < 0 {
		return time.Time{}, wrong(text, "a time such as 2026-01-02T15:04:05Z, or how long ago it is "+
			"such as 90s, 15m, 2h30m or 7d")
	}
	return now.Add(-ago), nil
}

// parseDuration knows days too, alone.
func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}
