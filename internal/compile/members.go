// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"maps"
	"net/netip"

	"github.com/bulkhead-net/bulkhead/policy"
)

// membership answers which endpoints a peer names, each question asked of the policy set once.
type membership struct {
	set       *policy.Set
	endpoints []Endpoint
	byPeer    map[string][]int
	everyone  []int
	// byLabel and byNamespace narrow down whom a selector can name at all. Without them every
	// selector would be compared with every endpoint.
	byLabel     map[[2]string][]int
	byNamespace map[string][]int
}

func newMembership(set *policy.Set, endpoints []Endpoint) *membership {
	m := &membership{set: set, endpoints: endpoints, byPeer: map[string][]int{},
		byLabel: map[[2]string][]int{}, byNamespace: map[string][]int{}}
	for i, e := range endpoints {
		m.everyone = append(m.everyone, i)
		m.byNamespace[e.Namespace] = append(m.byNamespace[e.Namespace], i)
		for key, value := range e.Labels {
			label := [2]string{key, value}
			m.byLabel[label] = append(m.byLabel[label], i)
		}
	}
	return m
}

// fork is the same membership with a memory of its own.
func (m *membership) fork() *membership {
	fork := *m
	fork.byPeer = maps.Clone(m.byPeer)
	return &fork
}

// candidates are the endpoints among which all are that the selector names, in their order.
func (m *membership) candidates(p *policy.PodSelector) []int {
	if p == nil {
		return m.everyone
	}
	if key, value, ok := p.Selector.Required(); ok {
		return m.byLabel[[2]string{key, value}]
	}
	if p.Namespace != "" {
		return m.byNamespace[p.Namespace]
	}
	return m.everyone
}

// subjects are the endpoints that the policy governs.
func (m *membership) subjects(p *policy.Policy) []int {
	var out []int
	for _, i := range m.candidates(p.Subject.Pods) {
		if m.set.Selects(p, m.endpoints[i].Endpoint) {
			out = append(out, i)
		}
	}
	return out
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
	for _, i := range m.candidates(peer.Pods) {
		if m.set.PeerMatches(peer, policy.Party{Endpoint: m.endpoints[i].Endpoint}) {
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
