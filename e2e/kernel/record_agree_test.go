// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/policy"
)

// expectation is a record that policy demands of a flow.
type expectation struct {
	kind      flow.Kind
	direction policy.Direction
	decision  policy.Decision
}

// demanded are the records of a flow, as Explain has it: the first refusal is the last record, and
// what is accepted is told where an Audit policy would not, or where a rule asks for it.
func demanded(law *policy.Set, f policy.Flow) []expectation {
	var out []expectation
	for _, trace := range law.Explain(f).Directions {
		d := trace.Decision
		judged := f.To
		if trace.Direction == policy.Egress {
			judged = f.From
		}
		switch {
		case judged.Endpoint == nil:
		case d.Silent:
			return out
		case d.Action != policy.Accept:
			return append(out, expectation{flow.Denied, trace.Direction, d})
		default:
			if slices.ContainsFunc(d.WouldDeny, func(a policy.Audited) bool { return !a.Silent }) {
				out = append(out, expectation{flow.WouldDeny, trace.Direction, d})
			}
			if slices.Contains(d.Logged, trace.Direction) {
				out = append(out, expectation{flow.Allowed, trace.Direction, d})
			}
		}
	}
	return out
}

// disagreements hold records to the law: each tells of one of the flows as it began and as the law
// explains it, and all that the law demands is there.
func disagreements(law *policy.Set, probes []probe, records []told) []string {
	var out []string
	heard := map[string]bool{}
	for i := range records {
		r := &records[i]
		p := slices.IndexFunc(probes, func(p probe) bool { return isOf(&r.Record, p) })
		if p < 0 {
			out = append(out, fmt.Sprintf("record of no flow: %s", shown(r)))
			continue
		}
		wanted := demanded(law, probes[p].Flow)
		e := slices.IndexFunc(wanted, func(e expectation) bool {
			return e.kind == r.Record.Kind && e.direction == r.Record.Direction
		})
		if e < 0 {
			out = append(out, fmt.Sprintf("%s: not demanded: %s", probes[p], shown(r)))
			continue
		}
		heard[fmt.Sprint(p, " ", e)] = true
		for _, text := range wanted[e].differs(r, probes[p].Flow) {
			out = append(out, fmt.Sprintf("%s: %s: %s", probes[p], text, shown(r)))
		}
	}
	for p := range probes {
		for e, wanted := range demanded(law, probes[p].Flow) {
			if !heard[fmt.Sprint(p, " ", e)] {
				out = append(out, fmt.Sprintf("%s: no record: %s %s: %s", probes[p], wanted.kind,
					wanted.direction, wanted.decision.Why))
			}
		}
	}
	return out
}

// isOf finds the flow of a record: by its ends as it began, and its service.
func isOf(r *flow.Record, p probe) bool {
	return r.Client.Addr == p.From.Addr && r.Server.Addr == p.To.Addr && r.Proto == p.Protocol &&
		r.Port == p.Port && r.Type == p.ICMPType && r.Code == p.ICMPCode
}

// differs tells what of a record is not as the law explains it.
func (e expectation) differs(r *told, f policy.Flow) []string {
	var out []string
	check := func(what string, got, want any) {
		if !reflect.DeepEqual(got, want) {
			out = append(out, fmt.Sprintf("%s: got %v, want %v", what, got, want))
		}
	}
	judged, peer := partyID(f.To), partyID(f.From)
	if e.direction == policy.Egress {
		judged, peer = peer, judged
	}
	check("explained", !r.Disagrees, true)
	check("client", r.Record.Client.ID, id(f.From))
	check("client is the node", r.Record.Client.Host, f.From.Host)
	check("server", r.Record.Server.ID, id(f.To))
	check("server is the node", r.Record.Server.Host, f.To.Host)
	check("subject", r.Key.Subject, judged)
	if r.Key.Peer != "" || peer != "" {
		check("peer", r.Key.Peer, peer)
	}
	check("action", r.Record.Action, e.action(r, f))
	check("reason", string(r.Record.Reason), e.reason())
	if e.kind == flow.WouldDeny {
		check("would deny", r.Record.WouldDeny, e.decision.WouldDeny)
		return out
	}
	check("rule", r.Record.Rule, e.decision.Rule)
	check("isolating", r.Record.Isolating, e.decision.Isolating)
	check("why", r.Record.Why, e.decision.Why)
	return out
}

func (e expectation) action(r *told, f policy.Flow) flow.Action {
	switch {
	case e.kind != flow.Denied:
		return flow.Pass
	case e.decision.Action == policy.Reject && !f.From.Host && r.event.Hook != flow.HookPostrouting:
		return flow.Reject
	}
	return flow.Drop // what the node itself sends cannot be answered
}

func (e expectation) reason() string {
	if e.kind == flow.WouldDeny {
		return "audit"
	}
	return string(e.decision.Reason)
}

func id(p policy.Party) string {
	if p.Endpoint == nil {
		return ""
	}
	return p.Endpoint.ID
}

func partyID(p policy.Party) string {
	if p.Host {
		return "the own node"
	}
	return id(p)
}

// says is a record as the tables of cases spell it: kind, direction, action, reason, and the rule
// or the policies that it names.
func says(r *flow.Record) string {
	var names []string
	if r.Rule != nil {
		names = append(names, r.Rule.String())
	}
	for _, p := range r.Isolating {
		names = append(names, p.String())
	}
	for _, a := range r.WouldDeny {
		names = append(names, a.Policy.String())
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", r.Kind, r.Direction, r.Action, r.Reason,
		strings.Join(names, ", ")))
}

func shown(r *told) string {
	return fmt.Sprintf("%s: %s %s -> %s %s, proto %d port %d, %s, hook %d, in %s/%s out %s/%s",
		says(&r.Record), r.Record.Client.ID, r.Record.Client.Addr, r.Record.Server.ID,
		r.Record.Server.Addr, r.Record.Proto, r.Record.Port, r.Record.Counter.Name(), r.event.Hook,
		r.event.In, r.event.PhysIn, r.event.Out, r.event.PhysOut)
}
