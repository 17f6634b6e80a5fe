// SPDX-License-Identifier: Apache-2.0

package policy

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
	case wide.Key() == narrow.Key():
		return true
	case wide.CIDR != nil && narrow.CIDR != nil:
		return coversBlock(*wide.CIDR, *narrow.CIDR)
	case wide.Entity == EntityEndpoints:
		return narrow.Pods != nil
	case wide.Pods == nil || !wide.Pods.Selector.IsEverything():
		return false
	case wide.Pods.Namespace != "":
		return narrow.Pods != nil && narrow.Pods.Namespace == wide.Pods.Namespace
	case wide.Pods.NamespaceSelector.IsEverything():
		return narrow.Pods != nil || narrow.Entity == EntityEndpoints
	}
	return narrow.Pods != nil && narrow.Pods.Namespace == "" &&
		narrow.Pods.NamespaceSelector.Equal(wide.Pods.NamespaceSelector)
}

func coversBlock(wide, narrow CIDR) bool {
	if wide.Prefix.Bits() > narrow.Prefix.Bits() || !wide.Prefix.Contains(narrow.Prefix.Addr()) {
		return false
	}
	for _, x := range wide.Except {
		if x.Overlaps(narrow.Prefix) {
			return false
		}
	}
	return true
}

func coversPort(wide, narrow Port) bool {
	if wide.Key() == narrow.Key() {
		return true
	}
	if wide.Named != "" || narrow.Named != "" || wide.Protocol != narrow.Protocol {
		return false
	}
	return wide.First <= narrow.First && narrow.Last <= wide.Last &&
		coversOctet(wide.ICMPType, narrow.ICMPType) && coversOctet(wide.ICMPCode, narrow.ICMPCode)
}

func coversOctet(wide, narrow *uint8) bool {
	return wide == nil || narrow != nil && *wide == *narrow
}
