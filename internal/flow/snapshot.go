// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"net/netip"
	"slices"
	"time"

	"github.com/bulkhead-net/bulkhead/policy"
)

// Endpoint is an endpoint with what is needed to recognise it in a packet.
type Endpoint struct {
	*policy.Endpoint
	// Local says that it is attached to this node; else only its addresses count.
	Local bool
	// Port is the host's end of its veth, Bridge the bridge of that port, empty when routed.
	Port, Bridge string
	// Published are the node's ports that a proxy process relays to it.
	Published []Published
}

// Published is one address and port of the node that leads to a port of the endpoint.
type Published struct {
	Host     netip.AddrPort
	Protocol uint8
	Port     uint16
}

// device is what the IP hooks see.
func (e *Endpoint) device() string {
	if e.Bridge != "" {
		return e.Bridge
	}
	return e.Port
}

func (e *Endpoint) same(o Endpoint) bool {
	return e.Endpoint == o.Endpoint && e.Local == o.Local && e.Port == o.Port &&
		e.Bridge == o.Bridge && slices.Equal(e.Published, o.Published)
}

// Index finds endpoints by what a packet shows. It is immutable, and shared by all generations
// that have the same endpoints.
type Index struct {
	endpoints []Endpoint
	addresses map[netip.Addr]*Endpoint
	ports     map[string]*Endpoint
	published map[publishedKey]*Endpoint
	numbers   map[publishedKey]uint16
}

type publishedKey struct {
	host     netip.AddrPort
	protocol uint8
}

// NewIndex indexes endpoints in the order in which they may claim addresses: a local one wins
// over a remote one, and an earlier one over a later one, as in the kernel.
func NewIndex(endpoints []Endpoint) *Index {
	x := &Index{endpoints: slices.Clone(endpoints), addresses: map[netip.Addr]*Endpoint{},
		ports: map[string]*Endpoint{}, published: map[publishedKey]*Endpoint{},
		numbers: map[publishedKey]uint16{}}
	for _, local := range []bool{true, false} {
		for i := range x.endpoints {
			if e := &x.endpoints[i]; e.Local == local {
				x.add(e)
			}
		}
	}
	return x
}

func (x *Index) add(e *Endpoint) {
	for _, a := range e.Addresses {
		if x.addresses[a] == nil {
			x.addresses[a] = e
		}
	}
	if !e.Local {
		return
	}
	if other := x.ports[e.Port]; other == nil || other.Bridge == "" && e.Bridge != "" {
		// A routed endpoint on what is a bridge's port by now is a stale one.
		x.ports[e.Port] = e
	}
	for _, p := range e.Published {
		key := publishedKey{p.Host, p.Protocol}
		if x.published[key] == nil {
			x.published[key], x.numbers[key] = e, p.Port
		}
	}
}

// Holds reports whether the index is of these endpoints, by identity.
func (x *Index) Holds(endpoints []Endpoint) bool {
	return x != nil && slices.EqualFunc(endpoints, x.endpoints, func(a, b Endpoint) bool {
		return a.same(b)
	})
}

// Groups are the hashes of the groups that judge an endpoint. An empty one is no group.
type Groups struct{ Egress, Ingress, ToHost, FromHost string }

func (g Groups) of(kind string) string {
	switch kind {
	case kindEgress:
		return g.Egress
	case kindIngress:
		return g.Ingress
	case kindToHost:
		return g.ToHost
	}
	return g.FromHost
}

// Snapshot is one generation: by what, and about whom, packets were judged. It is immutable.
type Snapshot struct {
	Generation uint32
	// Before is a moment before the transaction, Since one after it: between them the kernel
	// began to judge so.
	Before, Since time.Time
	Policies      *policy.Set
	// Documents is the hash under which the documents of Policies are kept.
	Documents string
	// Index finds the endpoints.
	Index *Index
	// Host are the addresses of the own node. They are asked only where no packet is at hand.
	Host map[netip.Addr]bool
	// Groups are the groups of local endpoints by ID; nil if they are not known.
	Groups map[string]Groups
}

// group is the hash of the group that judges the endpoint; it reports false if that is unknown.
func (s *Snapshot) group(e *Endpoint, kind string) (string, bool) {
	if s.Groups == nil || e == nil {
		return "", false
	}
	return s.Groups[e.ID].of(kind), true
}
