// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// journey is a flow with the way that its packets take through this node.
type journey struct {
	flow     policy.Flow
	from, to end
	// unhanded says that both ends are ports of one bridge that does not hand its frames to
	// the IP hooks.
	unhanded bool
	notes    []string
}

// end is one side of a journey.
type end struct {
	party
	device ruleset.Device
}

// side is one side of a flow in the JSON of explain.
type side struct {
	Kind      string     `json:"kind"`
	Endpoint  string     `json:"endpoint,omitempty"`
	ID        string     `json:"id,omitempty"`
	Address   netip.Addr `json:"address"`
	Interface string     `json:"interface,omitempty"`
	Bridge    string     `json:"bridge,omitempty"`
}

func (e end) describe() side {
	s := side{Kind: "world", Address: e.addr, Interface: e.device.Name, Bridge: e.device.Bridge}
	switch {
	case e.host:
		s.Kind = "host"
	case e.attachment != nil:
		s.Kind = "endpoint"
		s.ID = e.attachment.Endpoint.ID
		s.Endpoint = e.attachment.Endpoint.String() + "@" + e.attachment.Endpoint.Interface
	}
	return s
}

// journey settles parties, addresses and interfaces.
func (v view) journey(q question, r router) (journey, error) {
	var j journey
	var errs [2]error
	j.from.party, errs[0] = v.find(q.from, r)
	j.to.party, errs[1] = v.find(q.to, r)
	if err := errors.Join(errs[:]...); err != nil {
		return j, err
	}
	if j.from.host && j.to.host {
		return j, errors.New("both sides are the node itself; nothing of ours is between them")
	}
	if err := j.settleFamily(q); err != nil {
		return j, err
	}
	for _, pair := range [][2]*end{{&j.from, &j.to}, {&j.to, &j.from}} {
		if err := j.settleHost(pair[0], pair[1], r); err != nil {
			return j, err
		}
	}
	for _, e := range []*end{&j.from, &j.to} {
		if err := j.settleDevice(e, r); err != nil {
			return j, err
		}
	}
	j.flow = policy.Flow{From: j.from.policy(), To: j.to.policy(), Protocol: q.service.protocol,
		Port: q.service.port, ICMPType: q.service.icmpType, ICMPCode: q.service.icmpCode}
	return j, j.settleBridge(r)
}

// settleFamily picks the address family that both sides have and the service exists in: IPv4
// before IPv6 unless asked otherwise.
func (j *journey) settleFamily(q question) error {
	families := []bool{q.v6, !q.v6}
	if q.service.fits(true) != nil || q.service.fits(false) != nil {
		families = []bool{q.service.fits(true) == nil}
	}
	for _, v6 := range families {
		from, ok := j.from.inFamily(v6)
		if !ok {
			continue
		}
		if to, ok := j.to.inFamily(v6); ok {
			j.from.addr, j.to.addr = from, to
			return nil
		}
	}
	return fmt.Errorf("%s and %s have no address of one family in which that protocol exists",
		q.from, q.to)
}

// inFamily is the side's address in a family. The node's is settled later, by its routes.
func (p party) inFamily(v6 bool) (netip.Addr, bool) {
	switch {
	case p.addr.IsValid():
		return p.addr, p.addr.Is6() == v6
	case p.host:
		return netip.Addr{}, true
	}
	i := slices.IndexFunc(p.attachment.Endpoint.Addresses, func(a netip.Addr) bool {
		return a.Is6() == v6
	})
	if i < 0 {
		return netip.Addr{}, false
	}
	return p.attachment.Endpoint.Addresses[i], true
}

// settleHost gives the node the address that it would itself use towards the other side.
func (j *journey) settleHost(e, other *end, r router) error {
	if !e.host || e.addr.IsValid() {
		return nil
	}
	route, err := r.RouteTo(other.addr)
	if err != nil {
		return fmt.Errorf("host: %w", err)
	}
	if !route.Source.IsValid() {
		return fmt.Errorf("host: no own address towards %s; name one instead of host", other.addr)
	}
	e.addr = route.Source
	return nil
}

// settleDevice finds the interface behind which a side is.
func (j *journey) settleDevice(e *end, r router) error {
	switch {
	case e.host:
		return nil
	case e.attachment != nil:
		e.device = ruleset.Device{Name: e.attachment.HostInterface, Kind: "veth",
			Bridge: e.attachment.Bridge}
		return nil
	}
	route, err := r.RouteTo(e.addr)
	if errors.Is(err, link.ErrNoRoute) {
		j.notes = append(j.notes, fmt.Sprintf("the node has no route to %s; the rules are asked "+
			"as if it were behind an interface that is not managed", e.addr))
		e.device = ruleset.Device{Name: "no-route"}
		return nil
	}
	if err != nil {
		return err
	}
	l, err := r.HostLink(route.Interface)
	if err != nil {
		return err
	}
	e.device = ruleset.Device{Name: l.Name, Kind: l.Kind}
	return nil
}

// settleBridge asks whether the rules get to see packets between two ports of a bridge.
func (j *journey) settleBridge(r router) error {
	bridge := j.from.device.Bridge
	if bridge == "" || bridge != j.to.device.Bridge {
		return nil
	}
	v4, v6, err := r.BridgeNetfilter(bridge)
	if err != nil {
		return err
	}
	j.unhanded = !v4 && j.from.addr.Is4() || !v6 && j.from.addr.Is6()
	return nil
}

func (e end) policy() policy.Party {
	p := policy.Party{Addr: e.addr, Host: e.host}
	if e.attachment != nil {
		p.Endpoint = &e.attachment.Endpoint
	}
	return p
}

// inside says that the flow never leaves its container.
func (j journey) inside() bool {
	return j.from.attachment != nil && j.from.attachment == j.to.attachment
}
