// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"slices"
)

// Quarantine cuts an endpoint off: no packet leaves it, and none reaches it, the own node's
// included, but for connections that begin at an address in AllowFrom. It comes before every
// tier. It is a person's or the node's order about one endpoint and part of no document.
type Quarantine struct {
	// AllowFrom are the blocks that may still connect to the endpoint, whoever owns the address:
	// an endpoint, the own node or the world. None lets nobody in.
	AllowFrom []netip.Prefix `json:"allowFrom,omitempty"`
}

// Allows reports whether a connection from the party is let in.
func (q *Quarantine) Allows(from Party) bool {
	return slices.ContainsFunc(q.AllowFrom, func(p netip.Prefix) bool {
		return p.Contains(from.address())
	})
}

// quarantineTier decides about a side that is in quarantine, and reports false about others.
func quarantineTier(d Direction, f Flow) (Decision, bool) {
	e := f.judged(d).Endpoint
	if e.Quarantine == nil {
		return Decision{}, false
	}
	decision := Decision{Action: Deny, Direction: d, Reason: ReasonQuarantine,
		Why: fmt.Sprintf("%s is in quarantine, which drops %s", e, f.toward(d))}
	if d == Ingress && e.Quarantine.Allows(f.From) {
		decision.Action = Accept
		decision.Why = fmt.Sprintf("%s is in quarantine, which lets %s connect: %s", e, f.From,
			f.toward(d))
	}
	return decision, true
}

// skippedQuarantine is why no tier is asked about an endpoint in quarantine.
const skippedQuarantine = "it is in quarantine"
