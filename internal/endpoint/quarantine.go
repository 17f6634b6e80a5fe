// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"fmt"
	"net/netip"
	"slices"
	"unicode"
	"unicode/utf8"
)

// The reasons for a quarantine that have a meaning of their own.
const (
	// QuarantineRequested: an administrator asked for it, and ends it.
	QuarantineRequested = "requested"
	// QuarantineAgentDown: attached while the node's agent was away. It ends when the endpoint is
	// attached by whoever can enforce its policies.
	QuarantineAgentDown = "agent-down"
)

// Bounds of what is stored with a quarantine.
const (
	maxAllowFrom        = 256
	maxQuarantineReason = 256 // bytes
)

// CanonicalBlocks is the one order of a quarantine's allowed blocks, each of them once.
func CanonicalBlocks(blocks []netip.Prefix) []netip.Prefix {
	sorted := slices.Clone(blocks)
	slices.SortFunc(sorted, netip.Prefix.Compare)
	return slices.Compact(sorted)
}

// validateQuarantine reports what makes the attachment's quarantine impossible. A block has one
// spelling: another one is a mistake, and a mistake here would let a stranger in.
func (a Attachment) validateQuarantine() []error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	q := a.Endpoint.Quarantine
	if q == nil {
		if a.QuarantineReason != "" || !a.QuarantinedSince.IsZero() {
			bad("a quarantine's reason or time without a quarantine")
		}
		return errs
	}
	if len(q.AllowFrom) > maxAllowFrom {
		bad("quarantine: %d blocks in allowFrom, accepted at most %d", len(q.AllowFrom),
			maxAllowFrom)
	}
	for _, p := range q.AllowFrom {
		if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
			bad("quarantine: allowFrom %q is not a CIDR without host bits", p)
		}
	}
	if !slices.Equal(q.AllowFrom, CanonicalBlocks(q.AllowFrom)) {
		bad("quarantine: allowFrom is not sorted, each block once")
	}
	if r := a.QuarantineReason; len(r) > maxQuarantineReason || !utf8.ValidString(r) ||
		slices.ContainsFunc([]rune(r), func(c rune) bool { return !unicode.IsPrint(c) }) {
		bad("quarantine: reason %q is not printable text of at most %d bytes", r,
			maxQuarantineReason)
	}
	return errs
}
