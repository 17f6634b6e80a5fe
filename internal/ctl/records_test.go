// SPDX-License-Identifier: Apache-2.0

package ctl_test

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/policyversions"
	"github.com/bulkhead-net/bulkhead/internal/source/files"
	"github.com/bulkhead-net/bulkhead/policy"
)

// morning is when the records of the tests begin.
var morning = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// id is a record's, in order.
func id(n byte) string { return "01KDXZ3QK0000000000000000" + string('A'+n) }

// party is an endpoint of the site as the agent records it.
func (s *site) party(name string) flow.Party {
	a := s.attachment(name)
	e := a.Endpoint
	return flow.Party{Addr: e.Addresses[0], ID: e.ID, Namespace: e.Namespace, Name: e.Name,
		Interface: e.Interface, Labels: e.Labels, Device: a.HostInterface}
}

// denied is what the agent records of packets that the site's policies refuse: asked of the law,
// under the documents that are kept for later.
func (s *site) denied(t *testing.T, n byte, from, to flow.Party, proto uint8,
	port uint16) flow.Record {
	t.Helper()
	found, err := files.Read(s.options.PolicyDir)
	if err != nil {
		t.Fatal(err)
	}
	set := policy.Load(found, nil)
	hash, err := policyversions.Save(filepath.Join(s.denials, policyversions.DirName), set)
	if err != nil {
		t.Fatal(err)
	}
	f := policy.Flow{From: lawParty(from), To: lawParty(to), Protocol: proto, Port: port}
	if proto == policy.ProtocolICMP {
		f.ICMPType = 8
	}
	d := set.Evaluate(f)
	r := flow.Record{ID: id(n), Schema: flow.Schema, Kind: flow.Denied, Node: "node-1", Boot: "boot",
		Agent: "agent", Sequence: uint64(n) + 1, Start: morning.Add(time.Duration(n) * time.Minute),
		End:       morning.Add(time.Duration(n)*time.Minute + 10*time.Second),
		Direction: d.Direction, Reason: flow.Reason(d.Reason), Action: flow.Drop, Rule: d.Rule,
		Isolating: d.Isolating, Why: d.Why, Client: from, Server: to, Proto: proto, Port: port,
		Type: f.ICMPType, Packets: uint64(n) + 1, Bytes: 60, Source: flow.FromKernel, Sampled: 1,
		Ports: 1, Peers: 1, Policies: hash, Generation: 4,
		Counter: flow.Counter{Family: "ip", Group: "7d53e63e8a7c", Kind: d.Direction.String(),
			Word: "default"}}
	if d.Action == policy.Reject {
		r.Action, r.Counter.Word = flow.Reject, "reject-rule"
	}
	if d.Action == policy.Accept {
		t.Fatalf("%s is accepted: no record", f)
	}
	r.Client.Port = 40001
	return r
}

func lawParty(p flow.Party) policy.Party {
	out := policy.Party{Addr: p.Addr, Host: p.Host}
	if p.ID != "" {
		out.Endpoint = &policy.Endpoint{ID: p.ID, Namespace: p.Namespace, Name: p.Name,
			Interface: p.Interface, Labels: p.Labels, Addresses: []netip.Addr{p.Addr}}
	}
	return out
}

// spoofed is a record of what no policy decided, and lost a report of what no record tells.
func (s *site) spoofed(n byte) flow.Record {
	at := morning.Add(time.Duration(n) * time.Minute)
	client := s.party("web")
	client.Addr = netip.MustParseAddr("10.1.0.77")
	return flow.Record{ID: id(n), Schema: flow.Schema, Kind: flow.Denied, Start: at, End: at,
		Node: "node-1", Boot: "boot", Agent: "agent", Sequence: uint64(n) + 1,
		Direction: policy.Egress, Reason: flow.ReasonSpoof, Action: flow.Drop,
		Why:    "the source address is not one that the sender may use where it came from",
		Client: client, Server: s.party("db"), Proto: 17, Port: 53, Packets: 1, Bytes: 60,
		Source: flow.FromSamples, Sampled: 1, Ports: 1, Peers: 1,
		Counter: flow.Counter{Family: "ip", Word: "spoof"}}
}

func (s *site) lost(n byte, packets uint64) flow.Record {
	at := morning.Add(time.Duration(n) * time.Minute)
	return flow.Record{ID: id(n), Schema: flow.Schema, Kind: flow.LossReport, Start: at,
		End: at.Add(10 * time.Second), Node: "node-1", Boot: "boot", Agent: "agent",
		Sequence: uint64(n) + 1, Lost: packets, Source: flow.FromKernel,
		Counter: flow.Counter{Family: "ip", Group: "7d53e63e8a7c", Kind: "ingress", Word: "default"}}
}

// recordAll records one of each sort: two default denies, a rule against the host, an echo request
// from the world, a spoofed packet, and a loss.
func (s *site) recordAll(t *testing.T) {
	t.Helper()
	host := flow.Party{Host: true, Addr: netip.MustParseAddr("10.1.0.1")}
	world := flow.Party{Addr: netip.MustParseAddr("192.0.2.1"), Device: "uplink"}
	s.record(t, s.denied(t, 0, s.party("batch"), s.party("db"), 6, 5432),
		s.denied(t, 1, s.party("web"), host, 6, 22), s.spoofed(2), s.lost(3, 12),
		s.denied(t, 4, world, s.party("db"), policy.ProtocolICMP, 0),
		s.denied(t, 5, s.party("web"), s.party("db"), 17, 5432))
}
