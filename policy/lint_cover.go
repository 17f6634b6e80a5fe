// SPDX-License-Identifier: Apache-2.0

package policy

import "net/netip"

// unreachable reports rules that an earlier rule of the same tier leaves nothing to decide.
// Only clear cases are found: one earlier rule, of the same policy or of one whose subject is
// as wide, that names every peer and every port of the later one.
func (l *linter) unreachable() {
	for i, p := range l.policies {
		if p.Tier == NetworkPolicyTier || !p.isStated() {
			continue
		}
		for _, d := range []Direction{Egress, Ingress} {
			for j, r := range p.Rules[d] {
				at, earlier := l.coveredBy(l.policies[:i], p, d, j)
				if earlier == nil {
					continue
				}
				l.warn(r.Position, p.Ref, r.place(d), "unreachable: %s of %s (%s) comes first "+
					"and matches all that this rule matches", earlier.place(d), at.Ref,
					earlier.Position)
			}
		}
	}
}

// coveredBy returns the earlier rule that covers rule j of a policy, and its policy.
func (l *linter) coveredBy(before []*Policy, p *Policy, d Direction, j int) (*Policy, *Rule) {
	r := p.Rules[d][j]
	for _, b := range before {
		if b.Tier != p.Tier || !covers(b.Subject.peer(), p.Subject.peer()) {
			continue
		}
		for k := range b.Rules[d] {
			if b.Rules[d][k].covers(r) {
				return b, &b.Rules[d][k]
			}
		}
	}
	for k := range j {
		if p.Rules[d][k].covers(r) {
			return p, &p.Rules[d][k]
		}
	}
	return nil, nil
}

// peer is the subject in the form of a peer, which selects the same endpoints.
func (s Subject) peer() Peer { return Peer{Pods: s.Pods, Segment: s.Segment} }

// covers reports whether r matches everything that later matches. A rule that matches nothing
// is not covered: what is wrong with it is something else.
func (r Rule) covers(later Rule) bool {
	return r.coversPeers(later) && r.coversPorts(later)
}

func (r Rule) coversPeers(later Rule) bool {
	if r.AnyPeer {
		return later.AnyPeer || len(later.Peers) > 0
	}
	if later.AnyPeer || len(later.Peers) == 0 {
		return false
	}
	for _, peer := range later.Peers {
		if !anyCovers(r.Peers, peer, covers) {
			return false
		}
	}
	return true
}

func (r Rule) coversPorts(later Rule) bool {
	if r.AnyPort {
		return later.AnyPort || len(later.Ports) > 0
	}
	if later.AnyPort || len(later.Ports) == 0 {
		return false
	}
	for _, port := range later.Ports {
		if !anyCovers(r.Ports, port, coversPort) {
			return false
		}
	}
	return true
}

func anyCovers[T any](wide []T, narrow T, covers func(wide, narrow T) bool) bool {
	for _, w := range wide {
		if covers(w, narrow) {
			return true
		}
	}
	return false
}

// covers reports whether every party that narrow names is named by wide.
func covers(wide, narrow Peer) bool {
	switch {
	case wide.Pods != nil:
		return coversPods(wide.Pods, narrow)
	case wide.Segment != "":
		return narrow.Segment == wide.Segment
	case wide.CIDR != nil:
		return narrow.CIDR != nil && coversBlock(*wide.CIDR, *narrow.CIDR)
	case wide.Entity == EntityEndpoints && narrow.Pods != nil:
		return true
	}
	return wide.Entity != "" && narrow.Entity == wide.Entity
}

func coversPods(wide *PodSelector, narrow Peer) bool {
	everyPod := wide.Selector.IsEverything()
	everywhere := wide.Namespace == "" && wide.NamespaceSelector.IsEverything()
	if narrow.Pods == nil {
		return everyPod && everywhere && narrow.Entity == EntityEndpoints
	}
	if !everyPod && !wide.Selector.Equal(narrow.Pods.Selector) {
		return false
	}
	return everywhere || wide.Namespace == narrow.Pods.Namespace &&
		(wide.Namespace != "" || wide.NamespaceSelector.Equal(narrow.Pods.NamespaceSelector))
}

// coversBlock reports whether wide holds narrow; what wide leaves out, narrow must leave out.
func coversBlock(wide, narrow CIDR) bool {
	if !within(wide.Prefix, narrow.Prefix) {
		return false
	}
	for _, x := range wide.Except {
		if x.Overlaps(narrow.Prefix) && !anyCovers(narrow.Except, x, within) {
			return false
		}
	}
	return true
}

func within(wide, narrow netip.Prefix) bool {
	return wide.Bits() <= narrow.Bits() && wide.Contains(narrow.Addr())
}

func coversPort(wide, narrow Port) bool {
	if wide.Named != narrow.Named || wide.Protocol != narrow.Protocol {
		return false
	}
	return wide.First <= narrow.First && narrow.Last <= wide.Last &&
		coversOctet(wide.ICMPType, narrow.ICMPType) && coversOctet(wide.ICMPCode, narrow.ICMPCode)
}

func coversOctet(wide, narrow *uint8) bool {
	return wide == nil || narrow != nil && *wide == *narrow
}
