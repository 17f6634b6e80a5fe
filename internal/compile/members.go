// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"net/netip"

	"github.com/bulkhead-net/bulkhead/policy"
)

// membership answers which endpoints a peer names, each question asked of the policy set once.
type membership struct {
	set       *policy.Set
	endpoints []Endpoint
	byPeer    map[string][]int
	everyone  []int
}

func newMembership(set *policy.Set, endpoints []Endpoint) *membership {
	m := &membership{set: set, endpoints: endpoints, byPeer: map[string][]int{}}
	for i := range endpoints {
		m.everyone = append(m.everyone, i)
	}
	return m
}

// of returns the endpoints, by index, that the peer names other than by their address.
func (m *membership) of(peer policy.Peer) []int {
	if peer.CIDR != nil {
		return nil
	}
	if peer.Entity == policy.EntityEndpoints {
		return m.everyone
	}
	key := peer.Key()
	if found, ok := m.byPeer[key]; ok {
		return found
	}
	found := []int{}
	for i, e := range m.endpoints {
		if m.set.PeerMatches(peer, policy.Party{Endpoint: e.Endpoint}) {
			found = append(found, i)
		}
	}
	m.byPeer[key] = found
	return found
}

// worldBlocks returns the address blocks that the peer names among addresses that belong to
// no endpoint and not to the node.
func (m *membership) worldBlocks(peer policy.Peer) []netip.Prefix {
	s := m.set.Segments[peer.Segment]
	if peer.Segment == "" || s == nil {
		return nil
	}
	var out []netip.Prefix
	for _, member := range s.Members {
		out = append(out, member.CIDRs...)
	}
	return out
}
