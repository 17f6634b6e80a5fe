// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/journal"
	"github.com/bulkhead-net/bulkhead/internal/query"
	"github.com/bulkhead-net/bulkhead/policy"
)

// fullID is how long a whole id is.
const fullID = 26

// find returns the one record whose id begins so.
func (j records) find(id string) (flow.Record, error) {
	if id == "" {
		return flow.Record{}, cli.Usagef("found an empty id, accepted one that bulkheadctl denials lists")
	}
	found := map[string]flow.Record{}
	newest := journal.Read(j.dir, journal.Query{NewestFirst: true})
	err := j.each(newest, func(r *flow.Record) bool {
		if len(r.ID) < len(id) || !strings.EqualFold(r.ID[:len(id)], id) {
			return true
		}
		found[r.ID] = *r // what was written twice is one
		return len(id) < fullID
	})
	if err != nil {
		return flow.Record{}, err
	}
	var names []string
	for name, r := range found {
		if len(found) == 1 {
			return r, nil
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return flow.Record{}, fmt.Errorf("no record %q in %s; bulkheadctl denials lists them", id,
			j.dir)
	}
	slices.Sort(names)
	text := strings.Join(names[:min(len(names), maxNamed)], ", ")
	if len(names) > maxNamed {
		text += ", ..."
	}
	return flow.Record{}, fmt.Errorf("%q is not one record but %d: %s", id, len(names), text)
}

// askable says whether policy can be asked about the record: why not, or nothing.
func askable(r *flow.Record) (why string) {
	switch {
	case r.Kind == flow.LossReport:
		return "it tells of packets that no record describes"
	case r.EtherType != 0:
		return "its frames are not IP"
	case !r.Client.Addr.IsValid() || !r.Server.Addr.IsValid():
		return "it tells of many addresses together"
	case r.Ports > 1:
		return "it tells of many ports together"
	case r.Kind == flow.Denied && !decidedByPolicy(r.Reason):
		return "no policy decided: " + string(r.Reason) + " is dropped whatever the policy"
	}
	return ""
}

func decidedByPolicy(reason flow.Reason) bool {
	return slices.Contains([]flow.Reason{flow.ReasonRule, flow.ReasonDefaultDeny,
		flow.ReasonQuarantine}, reason)
}

// attempt is the flow of a record, with the ends as one moment knows them.
type attempt struct {
	flow  policy.Flow
	notes []string
}

// flowThen is the flow with the ends as they were. What a record does not tell of an endpoint, its
// network and the names of its ports, is taken from the one that is attached now.
func (v view) flowThen(r *flow.Record) attempt {
	return v.attempt(r, func(p *flow.Party) (policy.Party, string) {
		out := policy.Party{Addr: p.Addr, Host: p.Host}
		if p.ID == "" {
			return out, ""
		}
		out.Endpoint = endpointThen(p)
		if now := v.withExactID(p.ID); now != nil {
			out.Endpoint.Network, out.Endpoint.Ports = now.Endpoint.Network, now.Endpoint.Ports
			return out, ""
		}
		return out, fmt.Sprintf("%s is gone: what its network and its ports were called is not known",
			out.Endpoint)
	})
}

// flowNow is the flow if it were tried again: with the endpoints that are attached, the same ones
// or those that have their names now.
func (v view) flowNow(r *flow.Record) attempt {
	return v.attempt(r, func(p *flow.Party) (policy.Party, string) {
		if p.Host {
			return policy.Party{Addr: p.Addr, Host: true}, ""
		}
		if p.ID == "" {
			out := policy.Party{Addr: p.Addr}
			if now := v.holder(p.Addr.Unmap()); now != nil {
				out.Endpoint = &now.Endpoint
				return out, fmt.Sprintf("%s is the address of %s by now", p.Addr, out.Endpoint)
			}
			return out, ""
		}
		now := v.withExactID(p.ID)
		if now == nil {
			now = v.namesake(p)
		}
		if now == nil {
			e := endpointThen(p)
			return policy.Party{Addr: p.Addr, Endpoint: e},
				fmt.Sprintf("%s is not attached any more; it is judged as it was", e)
		}
		return policy.Party{Endpoint: &now.Endpoint, Addr: addressLike(&now.Endpoint, p)}, ""
	})
}

func (v view) attempt(r *flow.Record, end func(*flow.Party) (policy.Party, string)) attempt {
	a := attempt{flow: policy.Flow{Protocol: r.Proto, Port: r.Port, ICMPType: r.Type,
		ICMPCode: r.Code, ViaService: r.Client.ID != "" && r.Client.ID == r.Server.ID}}
	var note string
	for _, one := range []struct {
		from *flow.Party
		to   *policy.Party
	}{{&r.Client, &a.flow.From}, {&r.Server, &a.flow.To}} {
		if *one.to, note = end(one.from); note != "" {
			a.notes = append(a.notes, note)
		}
	}
	return a
}

func endpointThen(p *flow.Party) *policy.Endpoint {
	e := &policy.Endpoint{ID: p.ID, Namespace: p.Namespace, Name: p.Name, Interface: p.Interface,
		Labels: p.Labels}
	if p.Addr.IsValid() {
		e.Addresses = append(e.Addresses, p.Addr)
	}
	return e
}

func (v view) withExactID(id string) *endpoint.Attachment {
	for i := range v.attachments {
		if v.attachments[i].Endpoint.ID == id {
			return &v.attachments[i]
		}
	}
	return nil
}

// namesake is the attachment that has the party's name and interface by now.
func (v view) namesake(p *flow.Party) *endpoint.Attachment {
	for i := range v.attachments {
		e := &v.attachments[i].Endpoint
		if e.Namespace == p.Namespace && e.Name == p.Name && e.Interface == p.Interface {
			return &v.attachments[i]
		}
	}
	return nil
}

// addressLike is the party's address if the endpoint has it, or one of the same family.
func addressLike(e *policy.Endpoint, p *flow.Party) (found netip.Addr) {
	found = p.Addr
	for _, addr := range slices.Backward(e.Addresses) {
		if addr == p.Addr.Unmap() {
			return addr
		}
		if addr.Is4() == p.Addr.Unmap().Is4() {
			found = addr
		}
	}
	return found
}

// place of a policy that a record names, if the set of then is known.
func placeOf(set *policy.Set, ref policy.Ref) string {
	if set != nil {
		for _, p := range set.Policies {
			if p.Ref == ref && p.Position.File != "" {
				return fmt.Sprintf("%s (%s)", ref, place(p.Position.File, p.Position.Line))
			}
		}
	}
	return ref.String()
}

// verdictText is the record's decision in words.
func verdictText(r *flow.Record, then *policy.Set) string {
	switch {
	case r.Kind == flow.WouldDeny:
		return "passed; would be refused if Audit policies were enforced: " + query.Cause(r)
	case r.Rule != nil:
		text := fmt.Sprintf("%s says so, of the %s tier", r.Rule, r.Rule.Tier)
		if r.Rule.Position.File != "" {
			text += ", at " + place(r.Rule.Position.File, r.Rule.Position.Line)
		}
		return text
	case r.Reason == flow.ReasonDefaultDeny && len(r.Isolating) > 0:
		var names []string
		for _, ref := range r.Isolating {
			names = append(names, placeOf(then, ref))
		}
		return fmt.Sprintf("no rule accepts it: %s is isolated for %s by %s",
			query.PartyText(query.Subject(r)), r.Direction, strings.Join(names, ", "))
	}
	return r.Why
}
