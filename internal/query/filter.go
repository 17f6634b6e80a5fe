// SPDX-License-Identifier: Apache-2.0

package query

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/policy"
)

// Filter selects records. Of one field any value will do, of several fields each must; a field
// without values selects everything.
type Filter struct {
	// Since and Until bound the time; the zero time bounds nothing.
	Since, Until time.Time
	Kinds        []flow.Kind
	Reasons      []flow.Reason
	Directions   []policy.Direction
	// Endpoints are ends of the flow: namespace/name, namespace/name@interface, the beginning of an
	// id, or an address.
	Endpoints []string
	// Namespaces are those of either end.
	Namespaces []string
	Policies   []PolicyName
	Protocols  []uint8
	Ports      []PortRange
	// Peers hold the end that is not the subject.
	Peers []netip.Prefix
}

// PolicyName names policies: the fields that are not empty must be equal.
type PolicyName struct{ Kind, Namespace, Name string }

// PortRange is the ports from First to Last.
type PortRange struct{ First, Last uint16 }

// Matches reports whether the filter selects the record.
func (f *Filter) Matches(r *flow.Record) bool {
	return f.InTime(r) && among(f.Kinds, r.Kind) && among(f.Reasons, r.Reason) &&
		among(f.Directions, r.Direction) && f.matchesEnds(r) &&
		(len(f.Policies) == 0 || slices.ContainsFunc(f.Policies, func(n PolicyName) bool {
			return slices.ContainsFunc(Policies(r), n.matches)
		})) && f.matchesService(r)
}

// InTime reports whether some of the record lies in the filter's time.
func (f *Filter) InTime(r *flow.Record) bool {
	return (f.Since.IsZero() || !r.End.Before(f.Since)) &&
		(f.Until.IsZero() || !r.Start.After(f.Until))
}

func among[T comparable](wanted []T, found T) bool {
	return len(wanted) == 0 || slices.Contains(wanted, found)
}

func (f *Filter) matchesEnds(r *flow.Record) bool {
	ends := []*flow.Party{&r.Client, &r.Server}
	either := func(match func(*flow.Party) bool) bool { return slices.ContainsFunc(ends, match) }
	if len(f.Endpoints) > 0 && !either(func(p *flow.Party) bool {
		return slices.ContainsFunc(f.Endpoints, func(text string) bool { return isNamed(p, text) })
	}) {
		return false
	}
	if len(f.Namespaces) > 0 && !either(func(p *flow.Party) bool {
		return p.ID != "" && slices.Contains(f.Namespaces, p.Namespace)
	}) {
		return false
	}
	return len(f.Peers) == 0 || slices.ContainsFunc(f.Peers, func(block netip.Prefix) bool {
		peer := Peer(r)
		return block.Contains(peer.Addr.Unmap().WithZone("")) ||
			peer.Prefix.IsValid() && block.Overlaps(peer.Prefix)
	})
}

// isNamed reports whether a text that a person typed means the party.
func isNamed(p *flow.Party, text string) bool {
	if addr, err := netip.ParseAddr(text); err == nil {
		addr = addr.Unmap()
		return addr == p.Addr.Unmap() || p.Prefix.IsValid() && p.Prefix.Contains(addr)
	}
	if p.ID == "" {
		return false
	}
	name, face, one := strings.Cut(text, "@")
	return name == p.Namespace+"/"+p.Name && (!one || face == p.Interface) ||
		strings.HasPrefix(p.ID, text)
}

func (n PolicyName) matches(r policy.Ref) bool {
	return (n.Kind == "" || n.Kind == r.Kind) && (n.Namespace == "" || n.Namespace == r.Namespace) &&
		n.Name == r.Name
}

func (f *Filter) matchesService(r *flow.Record) bool {
	if r.EtherType != 0 {
		return len(f.Protocols) == 0 && len(f.Ports) == 0
	}
	return among(f.Protocols, r.Proto) && (len(f.Ports) == 0 || policy.HasPorts(r.Proto) &&
		slices.ContainsFunc(f.Ports, func(p PortRange) bool {
			return p.First <= r.Port && r.Port <= p.Last
		}))
}

// Peer is the end that is not the record's subject.
func Peer(r *flow.Record) *flow.Party {
	if r.Direction == policy.Egress {
		return &r.Server
	}
	return &r.Client
}

// Policies are the policies that a record is about: the one of the rule, those that isolate, and
// those that would deny.
func Policies(r *flow.Record) []policy.Ref {
	var out []policy.Ref
	if r.Rule != nil {
		out = append(out, r.Rule.Policy)
	}
	out = append(out, r.Isolating...)
	for _, a := range r.WouldDeny {
		out = append(out, a.Policy)
	}
	return out
}
