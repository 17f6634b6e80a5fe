// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
)

// idleSelectors reports subjects, peers and members that match no endpoint of this node. On a
// node of a cluster that may be as it should be; on a single host it is mostly a misspelling.
func (l *linter) idleSelectors(endpoints []*Endpoint) {
	for _, p := range l.policies {
		if !p.isStated() {
			continue
		}
		selected := slices.ContainsFunc(endpoints, func(e *Endpoint) bool {
			return l.set.Selects(p, e)
		})
		if !selected {
			l.warn(p.Position, p.Ref, "", "the subject matches no endpoint of this node")
		}
		for _, d := range []Direction{Egress, Ingress} {
			for _, r := range p.Rules[d] {
				l.idlePeers(p, d, r, endpoints)
			}
		}
	}
	for _, name := range sortedKeys(l.set.Segments) {
		l.idleMembers(l.set.Segments[name], endpoints)
	}
}

func (l *linter) idlePeers(p *Policy, d Direction, r Rule, endpoints []*Endpoint) {
	for _, peer := range r.Peers {
		if peer.Pods == nil {
			continue
		}
		matched := slices.ContainsFunc(endpoints, func(e *Endpoint) bool {
			return l.set.SelectsPods(peer.Pods, e)
		})
		if !matched {
			l.warn(r.Position, p.Ref, r.place(d), "no endpoint of this node matches the peer: %s",
				peer.Key())
		}
	}
}

func (l *linter) idleMembers(s *Segment, endpoints []*Endpoint) {
	for i, m := range s.Members {
		matched := slices.ContainsFunc(endpoints, func(e *Endpoint) bool {
			return l.set.isMember(Member{Pods: m.Pods, Networks: m.Networks}, Party{Endpoint: e})
		})
		if len(m.CIDRs) == 0 && !matched {
			l.warn(s.Position, s.Ref, fmt.Sprintf("spec.members[%d]", i),
				"no endpoint of this node matches this member")
		}
	}
}
