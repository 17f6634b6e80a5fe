// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/policy"
)

// Status is what a node is and what is wrong with it.
type Status struct {
	Stamp compile.Stamp `json:"stamp"`
	// Recorded says that the kernel holds the ruleset that was recorded.
	Recorded bool             `json:"recorded"`
	Problems []policy.Problem `json:"problems,omitempty"`
	Notes    []string         `json:"notes,omitempty"`
	// NotEnforced maps an endpoint's id to the reason why it is closed instead of judged.
	NotEnforced map[string]string `json:"notEnforced,omitempty"`
	// Quarantined maps the ids of endpoints in quarantine to what is known about it.
	Quarantined map[string]Quarantined `json:"quarantined,omitempty"`
}

// Status reads the kernel and the links.
func (n *Node) Status() (Status, error) {
	s := Status{Problems: n.set.Problems, Notes: n.Notes(), NotEnforced: map[string]string{},
		Quarantined: n.quarantined()}
	if n.policyErr != nil {
		s.Notes = append(s.Notes, n.policyErr.Error())
	}
	state, err := n.readKernel()
	if err != nil {
		return s, err
	}
	m, trusted, err := n.findInstalled(state)
	if err != nil {
		return s, err
	}
	if m != nil {
		s.Stamp = m.Stamp
	}
	s.Recorded = trusted
	s.NotEnforced = n.Unenforced()
	return s, nil
}

// Totals reads what packets have counted, by flow and in all, for whoever keeps account of it.
func (n *Node) Totals(ctx context.Context) (nft.Totals, error) { return n.kernel.Totals(ctx) }

// Counters reads the kernel's counters.
func (n *Node) Counters(ctx context.Context) (map[nft.CounterKey]nft.Count, error) {
	return n.kernel.Counters(ctx)
}
