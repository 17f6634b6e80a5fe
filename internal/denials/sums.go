// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"maps"
	"sync"

	"github.com/bulkhead-net/bulkhead/internal/flow"
)

// Sum is what records are added up by.
type Sum struct {
	Kind      flow.Kind
	Direction string
	Reason    string
	// Policy is the policy that decided, or the first of those that isolate; "none" where no policy
	// did, and "other" for all but the first maxPolicies.
	Policy string
}

// maxPolicies bounds the policies that are told apart, and so the series of metrics.
const maxPolicies = 200

// sums are packets that records tell of, since the agent started.
type sums struct {
	mu       sync.Mutex
	packets  map[Sum]uint64
	policies map[string]bool
	records  uint64
}

func (s *sums) add(records []flow.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.packets == nil {
		s.packets, s.policies = map[Sum]uint64{}, map[string]bool{}
	}
	s.records += uint64(len(records))
	for i := range records {
		r := &records[i]
		if r.Kind == flow.LossReport {
			continue
		}
		s.packets[Sum{Kind: r.Kind, Direction: r.Direction.String(), Reason: string(r.Reason),
			Policy: s.bounded(policyOf(r))}] += r.Packets
	}
}

func (s *sums) bounded(policy string) string {
	if !s.policies[policy] && len(s.policies) >= maxPolicies {
		return "other"
	}
	s.policies[policy] = true
	return policy
}

func policyOf(r *flow.Record) string {
	switch {
	case r.Rule != nil:
		return r.Rule.Policy.String()
	case len(r.Isolating) > 0:
		return r.Isolating[0].String()
	case len(r.WouldDeny) > 0:
		return r.WouldDeny[0].Policy.String()
	}
	return "none"
}

func (s *sums) get() (packets map[Sum]uint64, records uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.packets), s.records
}
