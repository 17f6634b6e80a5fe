// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	v1 "github.com/bulkhead-net/bulkhead/internal/wire/bulkhead/v1"
	"github.com/bulkhead-net/bulkhead/policy"
)

// Unmarshal reads a record. It refuses more than MaxSize bytes, kinds, actions, sources and
// directions that it does not know, and numbers and addresses that cannot be; the error names the
// field.
func Unmarshal(b []byte) (flow.Record, error) {
	if len(b) > MaxSize {
		return flow.Record{}, fmt.Errorf("record: %d bytes, more than %d", len(b), MaxSize)
	}
	m := &v1.Record{}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, m); err != nil {
		return flow.Record{}, fmt.Errorf("record: %w", err)
	}
	r, err := fromMessage(m)
	if err != nil {
		return flow.Record{}, fmt.Errorf("record %q: %w", m.GetId(), err)
	}
	return r, nil
}

func fromMessage(m *v1.Record) (flow.Record, error) {
	var d decoder
	c := m.GetCounter()
	r := flow.Record{
		ID: m.GetId(), Schema: d.integer("schema", m.GetSchema()),
		Kind:  decodeWord(&d, "kind", kinds, m.GetKind()),
		Start: d.time("start", m.GetStart()), End: d.time("end", m.GetEnd()),
		Node: m.GetNode(), Boot: m.GetBoot(), Agent: m.GetAgent(), Sequence: m.GetSequence(),
		Direction: d.direction("direction", m.GetDirection()),
		Action:    decodeWord(&d, "action", actions, m.GetAction()),
		Reason:    flow.Reason(m.GetReason()), Generation: m.GetGeneration(),
		Policies: m.GetPolicies(),
		Counter: flow.Counter{Family: c.GetFamily(), Group: c.GetGroup(), Kind: c.GetKind(),
			Word: c.GetWord()},
		Rule: d.rule("rule", m.GetRule()), Isolating: decodeRefs(m.GetIsolating()),
		Why:    m.GetWhy(),
		Client: d.party("client", m.GetClient()), Server: d.party("server", m.GetServer()),
		Proto:     narrow[uint8](&d, "proto", m.GetProto()),
		Port:      narrow[uint16](&d, "port", m.GetPort()),
		Type:      narrow[uint8](&d, "icmp_type", m.GetIcmpType()),
		Code:      narrow[uint8](&d, "icmp_code", m.GetIcmpCode()),
		TCPFlags:  narrow[uint8](&d, "tcp_flags", m.GetTcpFlags()),
		EtherType: narrow[uint16](&d, "ether_type", m.GetEtherType()),
		Community: m.GetCommunityId(), Packets: m.GetPackets(), Bytes: m.GetBytes(),
		Source:  decodeWord(&d, "source", sources, m.GetSource()),
		Sampled: m.GetSampled(), Ports: m.GetPorts(), Peers: m.GetPeers(), Scan: m.GetScan(),
		Lost: m.GetLost(),
	}
	for _, a := range m.GetWouldDeny() {
		r.WouldDeny = append(r.WouldDeny, policy.Audited{
			Policy:    decodeRef(a.GetPolicy()),
			Direction: d.direction("would_deny.direction", a.GetDirection()),
			Action:    policy.Action(a.GetAction()), Reason: policy.Reason(a.GetReason()),
			Rule: d.rule("would_deny.rule", a.GetRule()), Isolating: decodeRefs(a.GetIsolating()),
			Silent: a.GetSilent(), Why: a.GetWhy(),
		})
	}
	return r, d.err
}

// decoder keeps the first thing that was wrong, so that building a record stays straight.
type decoder struct{ err error }

func (d *decoder) fail(field, format string, arguments ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(field+": "+format, arguments...)
	}
}

func (d *decoder) time(field string, m *timestamppb.Timestamp) time.Time {
	if m == nil {
		return time.Time{}
	}
	if err := m.CheckValid(); err != nil {
		d.fail(field, "%w", err)
	}
	return m.AsTime()
}

func (d *decoder) direction(field string, n v1.Direction) policy.Direction {
	return decodeWord(d, field, directions, n)
}

func (d *decoder) rule(field string, m *v1.RuleRef) *policy.RuleRef {
	if m == nil {
		return nil
	}
	p := m.GetPosition()
	return &policy.RuleRef{
		Policy: decodeRef(m.GetPolicy()), Tier: policy.Tier(m.GetTier()),
		Direction: d.direction(field+".direction", m.GetDirection()),
		Index:     d.integer(field+".index", m.GetIndex()), Name: m.GetName(),
		Position: policy.Position{File: p.GetFile(), Line: d.integer(field+".line", p.GetLine()),
			Column: d.integer(field+".column", p.GetColumn())},
	}
}

func (d *decoder) integer(field string, n int64) int {
	if int64(int(n)) != n {
		d.fail(field, "%d is too large", n)
	}
	return int(n)
}

// narrow returns a number that the wire has no narrow enough type for.
func narrow[N uint8 | uint16](d *decoder, field string, n uint32) N {
	if uint32(N(n)) != n {
		d.fail(field, "%d is too large", n)
	}
	return N(n)
}

func decodeRef(m *v1.Ref) policy.Ref {
	return policy.Ref{Kind: m.GetKind(), Namespace: m.GetNamespace(), Name: m.GetName()}
}

func decodeRefs(ms []*v1.Ref) []policy.Ref {
	var out []policy.Ref
	for _, m := range ms {
		out = append(out, decodeRef(m))
	}
	return out
}
