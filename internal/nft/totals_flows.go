// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// FlowCount is one flow of which packets were refused.
type FlowCount struct {
	Family rs.Family
	// Direction says whose refusal it is: the client's egress or the server's ingress.
	Direction policy.Direction
	// Client and Server are the ends of the flow as it began.
	Client, Server netip.Addr
	Proto          uint8
	// Port is the service port; HasPort is false for protocols that have none.
	Port    uint16
	HasPort bool

	Packets, Bytes uint64
	// Expires is how long the kernel keeps the flow unless it meets another packet; the flow then
	// begins from zero.
	Expires time.Duration
}

// flowSet is a set of refused flows: its place, and what its keys are made of.
type flowSet struct {
	family    rs.Family
	name      string
	direction policy.Direction
	ported    bool
}

// flowSets are the sets of refused flows, in the order in which they are read.
var flowSets = []flowSet{
	{rs.IP, "denied-egress", policy.Egress, true},
	{rs.IP, "denied-egress-other", policy.Egress, false},
	{rs.IP, "denied-ingress", policy.Ingress, true},
	{rs.IP, "denied-ingress-other", policy.Ingress, false},
	{rs.IP6, "denied-egress", policy.Egress, true},
	{rs.IP6, "denied-egress-other", policy.Egress, false},
	{rs.IP6, "denied-ingress", policy.Ingress, true},
	{rs.IP6, "denied-ingress-other", policy.Ingress, false},
}

// flowKey is the key of an element of any of these sets, with zeros behind.
type flowKey [40]byte

// flowAttempts bounds how often a set is read that grows meanwhile.
const flowAttempts = 4

// readFlows appends the flows of a set. While the kernel moves a hash to a larger table, a dump
// repeats elements and lacks as many (see elementsOf). It is read again then, and what all
// readings have found counts, the highest value of each flow: a set that never rests is read
// nearly whole instead of not at all. That an element is missing once harms nobody who keeps the
// last value.
func (s *socket) readFlows(of flowSet, flows []FlowCount) ([]FlowCount, error) {
	r := reading{set: of, flows: flows, at: map[flowKey]place{}}
	body := attrs(nil).str(unix.NFTA_SET_ELEM_LIST_TABLE, rs.TableName).
		str(unix.NFTA_SET_ELEM_LIST_SET, of.name)
	for r.round = range flowAttempts {
		r.repeats = false
		err := s.each(unix.NFT_MSG_GETSETELEM, unix.NLM_F_DUMP, families[of.family], body, r.add)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return r.flows, nil // tables that hold counters alone have no such set
		case err == nil && !r.repeats:
			return r.flows, nil
		case err != nil && !errors.Is(err, ErrInterrupted):
			return nil, fmt.Errorf("elements of %s %s %s: %w", of.family, rs.TableName, of.name, err)
		}
	}
	return r.flows, nil
}

// reading collects a set over several dumps.
type reading struct {
	set     flowSet
	flows   []FlowCount
	at      map[flowKey]place
	round   int
	repeats bool // an element stood twice in this round
}

// place is where a flow is, and the last round that found it.
type place struct{ index, round int }

func (r *reading) add(m message) {
	for typ, list := range each(m.body()) {
		if typ != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			continue
		}
		for _, element := range each(list) {
			key, f, ok := r.set.decode(element)
			if !ok {
				continue
			}
			p, known := r.at[key]
			if !known {
				r.at[key] = place{len(r.flows), r.round}
				r.flows = append(r.flows, f)
				continue
			}
			r.repeats = r.repeats || p.round == r.round
			r.at[key] = place{p.index, r.round}
			if old := &r.flows[p.index]; f.Packets >= old.Packets {
				*old = f
			}
		}
	}
}

// decode reads an element; ok is false for one that has another shape than ours.
func (of flowSet) decode(element []byte) (key flowKey, f FlowCount, ok bool) {
	f = FlowCount{Family: of.family, Direction: of.direction, HasPort: of.ported}
	for typ, b := range each(element) {
		switch typ {
		case unix.NFTA_SET_ELEM_KEY:
			for typ, value := range each(b) {
				ok = typ == unix.NFTA_DATA_VALUE && f.setKey(value)
				copy(key[:], value)
			}
		case unix.NFTA_SET_ELEM_EXPR:
			f.count(b)
		case attrElementExpressions:
			for _, expression := range each(b) {
				f.count(expression)
			}
		case unix.NFTA_SET_ELEM_EXPIRATION:
			f.Expires = time.Duration(number(b)) * time.Millisecond
		}
	}
	return key, f, ok
}

// setKey reads client, server, protocol and, with HasPort, the port; each padded to four bytes.
func (f *FlowCount) setKey(b []byte) bool {
	width := 4
	if f.Family == rs.IP6 {
		width = 16
	}
	want := 2*width + 4
	if f.HasPort {
		want += 4
	}
	if len(b) != want {
		return false
	}
	f.Client, _ = netip.AddrFromSlice(b[:width])
	f.Server, _ = netip.AddrFromSlice(b[width : 2*width])
	f.Proto = b[2*width]
	if f.HasPort {
		f.Port = binary.BigEndian.Uint16(b[2*width+4:])
	}
	return true
}

// count reads an expression of the element; the only one is its counter.
func (f *FlowCount) count(expression []byte) {
	for typ, data := range each(expression) {
		if typ != unix.NFTA_EXPR_DATA {
			continue
		}
		for typ, b := range each(data) {
			switch typ {
			case unix.NFTA_COUNTER_PACKETS:
				f.Packets = number(b)
			case unix.NFTA_COUNTER_BYTES:
				f.Bytes = number(b)
			}
		}
	}
}

// number is a 64-bit attribute, zero when it has another length.
func number(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// each walks a run of attributes as parseAttrs does, up to the first that is not well formed, and
// allocates nothing.
func each(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofNlAttr {
			n := int(binary.NativeEndian.Uint16(b))
			if n < unix.SizeofNlAttr || n > len(b) {
				return
			}
			typ := binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
			if !yield(typ, b[unix.SizeofNlAttr:n]) {
				return
			}
			b = b[min(len(b), padded(n)):]
		}
	}
}
