// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	v1 "github.com/bulkhead-net/bulkhead/internal/wire/bulkhead/v1"
	"github.com/bulkhead-net/bulkhead/policy"
)

// MaxSize is the most bytes that a record may take: two ends with as many labels as Kubernetes
// lets them have, and a few hundred policies.
const MaxSize = 256 << 10

// Marshal returns a record as bytes. Times become UTC; text that is not UTF-8, as an interface's
// name may be, gets U+FFFD where JSON would get it. It refuses what Unmarshal would refuse.
func Marshal(r flow.Record) ([]byte, error) {
	m, err := toMessage(r)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", r.ID, err)
	}
	b, err := proto.Marshal(m)
	if err == nil && len(b) > MaxSize {
		err = fmt.Errorf("%d bytes, more than %d", len(b), MaxSize)
	}
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", r.ID, err)
	}
	return b, nil
}

func toMessage(r flow.Record) (*v1.Record, error) {
	var e encoder
	m := &v1.Record{
		Id: text(r.ID), Schema: int64(r.Schema),
		Kind:  encodeWord(&e, "kind", kinds, r.Kind),
		Start: e.time("start", r.Start), End: e.time("end", r.End),
		Node: text(r.Node), Boot: text(r.Boot), Agent: text(r.Agent), Sequence: r.Sequence,
		Direction: e.direction("direction", r.Direction),
		Action:    encodeWord(&e, "action", actions, r.Action),
		Reason:    text(string(r.Reason)), Generation: r.Generation, Policies: text(r.Policies),
		Counter: &v1.Counter{Family: text(r.Counter.Family), Group: text(r.Counter.Group),
			Kind: text(r.Counter.Kind), Word: text(r.Counter.Word)},
		Rule: e.rule("rule", r.Rule), Isolating: encodeRefs(r.Isolating), Why: text(r.Why),
		Client: e.party("client", r.Client), Server: e.party("server", r.Server),
		Proto: uint32(r.Proto), Port: uint32(r.Port), IcmpType: uint32(r.Type),
		IcmpCode: uint32(r.Code), TcpFlags: uint32(r.TCPFlags), EtherType: uint32(r.EtherType),
		CommunityId: text(r.Community), Packets: r.Packets, Bytes: r.Bytes,
		Source:  encodeWord(&e, "source", sources, r.Source),
		Sampled: r.Sampled, Ports: r.Ports, Peers: r.Peers, Scan: r.Scan, Lost: r.Lost,
	}
	for _, a := range r.WouldDeny {
		m.WouldDeny = append(m.WouldDeny, &v1.Audited{
			Policy: encodeRef(a.Policy), Direction: e.direction("wouldDeny", a.Direction),
			Action: text(string(a.Action)), Reason: text(string(a.Reason)),
			Rule: e.rule("wouldDeny", a.Rule), Isolating: encodeRefs(a.Isolating),
			Silent: a.Silent, Why: text(a.Why),
		})
	}
	return m, e.err
}

// encoder keeps the first thing that was wrong, so that building a message stays straight.
type encoder struct{ err error }

func (e *encoder) fail(field, format string, arguments ...any) {
	if e.err == nil {
		e.err = fmt.Errorf(field+": "+format, arguments...)
	}
}

// time leaves a zero time out.
func (e *encoder) time(field string, t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	stamp := timestamppb.New(t)
	if err := stamp.CheckValid(); err != nil {
		e.fail(field, "%w", err)
	}
	return stamp
}

func (e *encoder) direction(field string, d policy.Direction) v1.Direction {
	return encodeWord(e, field, directions, d)
}

func (e *encoder) rule(field string, r *policy.RuleRef) *v1.RuleRef {
	if r == nil {
		return nil
	}
	return &v1.RuleRef{
		Policy: encodeRef(r.Policy), Tier: text(string(r.Tier)),
		Direction: e.direction(field, r.Direction), Index: int64(r.Index), Name: text(r.Name),
		Position: &v1.Position{File: text(r.Position.File), Line: int64(r.Position.Line),
			Column: int64(r.Position.Column)},
	}
}

func encodeRef(r policy.Ref) *v1.Ref {
	return &v1.Ref{Kind: text(r.Kind), Namespace: text(r.Namespace), Name: text(r.Name)}
}

func encodeRefs(refs []policy.Ref) []*v1.Ref {
	var out []*v1.Ref
	for _, r := range refs {
		out = append(out, encodeRef(r))
	}
	return out
}

// text is what a string of a message can hold.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
