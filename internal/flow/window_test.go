// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/bulkhead-net/bulkhead/policy"
)

// scene is a window over the small node, in which web denies by default.
type scene struct {
	*testing.T
	history *History
	window  *Window
}

func newScene(t *testing.T, limits Limits) *scene {
	h := NewHistory()
	h.Add(small(1, closed("old"), Groups{Ingress: "aaaa", FromHost: "bbbb"}))
	return &scene{t, h, NewWindow(limits, second(10))}
}

// sampled is a refused packet from the client to web's port.
func (s *scene) sampled(at float64, client netip.Addr, port uint16) *Attributed {
	ev := refused(at, "bh1 aaaa ingress default")
	ev.Src, ev.DstPort = client, port
	if client != apiAddr {
		ev.In, ev.PhysIn, ev.PhysOut = "eth0", "", ""
	}
	a := s.history.Attribute(&ev)
	if a.Disagrees {
		s.Fatalf("got %+v", a.Record)
	}
	return &a
}

func (s *scene) add(at float64, client netip.Addr, port uint16) (Record, bool) {
	return s.window.Add(s.sampled(at, client, port))
}

func element(client netip.Addr, port uint16) FlowKey {
	return FlowKey{policy.Ingress, client, webAddr, policy.ProtocolTCP, port}
}

func (s *scene) totals(at float64, deltas ...Delta) {
	s.window.Totals(s.history, second(at), deltas)
}

func grown(k FlowKey, packets uint64) Delta {
	return Delta{Flow: k, Packets: packets, Bytes: 60 * packets}
}

// closes compares what the window tells with "packets/sampled source port scan".
func (s *scene) closes(at float64, want ...string) []Record {
	s.Helper()
	records := s.window.Close(second(at))
	got := []string{}
	for _, r := range records {
		got = append(got, fmt.Sprintf("%d/%d %s %d", r.Packets, r.Sampled, r.Source, r.Port))
		if r.Bytes != 60*r.Packets {
			s.Errorf("bytes: got %d for %d packets", r.Bytes, r.Packets)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.Errorf("window until %v: got %v, want %v", at, got, want)
	}
	return records
}

func TestFirstPacketIsToldAtOnce(t *testing.T) {
	s := newScene(t, DefaultLimits())
	r, ok := s.add(11, apiAddr, 80)
	if !ok || r.Packets != 1 || r.Bytes != 60 || r.Sampled != 1 || r.Source != FromSamples {
		t.Fatalf("first packet: got %+v, %v", r, ok)
	}
	for i := range 3 {
		if r, ok := s.add(12+float64(i), apiAddr, 80); ok {
			t.Errorf("later packet: got %+v, want it folded", r)
		}
	}
	if _, ok := s.add(12, apiAddr, 81); !ok {
		t.Error("another port: got nothing, want a record")
	}
	got := s.closes(20, "3/3 samples 80")
	if !got[0].Start.Equal(second(12)) || !got[0].End.Equal(second(14)) {
		t.Errorf("got %v to %v, want the first and the last folded packet", got[0].Start, got[0].End)
	}
	s.closes(30)
	if _, ok := s.add(31, apiAddr, 80); ok {
		t.Error("known key: got a record at once")
	}
	s.closes(40, "1/1 samples 80")
	s.closes(100)
	if _, ok := s.add(101, apiAddr, 80); !ok {
		t.Error("key that was idle for long: got nothing, want a record")
	}
}

func TestSetsReplaceSamples(t *testing.T) {
	s := newScene(t, DefaultLimits())
	s.add(11, apiAddr, 80)
	s.add(12, apiAddr, 80)
	s.add(13, apiAddr, 80)
	s.totals(20, grown(element(apiAddr, 80), 100))
	s.add(20, apiAddr, 80) // received late: the set has counted it
	s.closes(20, "99/3 kernel 80")
	s.add(21, apiAddr, 80)
	s.totals(30)
	s.closes(30)
	s.totals(40, grown(element(apiAddr, 80), 7))
	s.closes(40, "7/1 kernel 80")
	s.totals(50, Delta{Flow: element(apiAddr, 80), Gone: true})
	s.closes(50)
	s.add(51, apiAddr, 80)
	s.closes(60, "1/1 samples 80")
}

func TestElementThatAppearsLate(t *testing.T) {
	s := newScene(t, DefaultLimits())
	s.add(11, apiAddr, 80) // no room in the set
	s.add(12, apiAddr, 80)
	s.totals(20)
	s.closes(20, "1/1 samples 80")
	s.add(21, apiAddr, 80)
	s.totals(30, grown(element(apiAddr, 80), 5))
	// One packet of the window before may have been counted by the element: it is told no more.
	s.closes(30, "3/1 kernel 80")
}

func TestSetsTellOfWhatWasNotSampled(t *testing.T) {
	s := newScene(t, DefaultLimits())
	s.totals(20, grown(element(farAddr, 443), 50),
		grown(FlowKey{policy.Ingress, farAddr, farAddr, policy.ProtocolTCP, 80}, 4))
	got := s.closes(20, "50/0 kernel 443")
	r := got[0]
	if !r.Start.Equal(second(10)) || !r.End.Equal(second(20)) || r.Server.Name != "web" ||
		len(r.Isolating) != 1 || r.Counter != (Counter{"ip", "aaaa", "ingress", "default"}) {
		t.Errorf("got %+v, want web's default deny in the whole window", r)
	}
	if got := s.window.Stats().Unattributed; got != 4 {
		t.Errorf("unattributed: got %d, want the 4 packets of nobody", got)
	}
	if _, ok := s.add(20.05, farAddr, 443); ok {
		t.Error("late sample: got a record, want the packet not told again")
	}
	s.closes(30)
}

func TestSilentRulesAreNotTold(t *testing.T) {
	law := &policy.Set{Policies: []*policy.Policy{{Ref: policy.Ref{Kind: "x", Name: "y"},
		Tier: policy.AdminTier, Mode: policy.Enforce,
		Subject: policy.Subject{Pods: &policy.PodSelector{Namespace: "shop",
			Selector: policy.Everything()}},
		Rules: [2][]policy.Rule{policy.Ingress: {{Action: policy.Deny, AnyPeer: true, AnyPort: true,
			Log: policy.LogNone}}}}}}
	s := newScene(t, DefaultLimits())
	s.history.Add(small(2, law, Groups{Ingress: "cccc"}))
	s.totals(25, grown(element(farAddr, 443), 50))
	s.closes(25)
	if got := s.window.Stats(); got.Silent != 50 || got.Unattributed != 0 {
		t.Errorf("got %+v, want 50 silent packets", got)
	}
}

func TestTwoReasonsOfOneFlow(t *testing.T) {
	s := newScene(t, DefaultLimits())
	other := *s.sampled(12, apiAddr, 80)
	other.Key.Counter.Word, other.Record.Counter.Word = "rule", "rule"
	s.add(11, apiAddr, 80)
	s.window.Add(&other)
	for range 3 {
		s.add(12, apiAddr, 80)
	}
	s.window.Add(&other)
	s.totals(20, grown(element(apiAddr, 80), 102))
	s.closes(20, "75/3 kernel 80", "25/1 kernel 80")
}

func TestReplayedRecordsAreNotToldAgain(t *testing.T) {
	s := newScene(t, DefaultLimits())
	r, _ := s.add(11, apiAddr, 80)
	s.window = NewWindow(DefaultLimits(), second(15)) // the agent died
	s.window.Replay(s.history, &r)
	s.closes(16) // the sets could not be read
	s.add(17, apiAddr, 80)
	s.totals(20, grown(element(apiAddr, 80), 10))
	s.closes(20, "8/0 kernel 80")
}

// TestAuditedPacketsAreInNoSet: their samples are the numbers.
func TestAuditedPacketsAreInNoSet(t *testing.T) {
	s := newScene(t, DefaultLimits())
	a := *s.sampled(12, apiAddr, 80)
	a.Key.Counter.Word, a.Record.Counter.Word, a.Record.Kind = "audit", "audit", WouldDeny
	s.window.Add(&a)
	s.window.Add(&a)
	s.totals(20, grown(element(apiAddr, 80), 5))
	s.closes(20, "1/1 samples 80", "5/0 kernel 80")
}

// BenchmarkAddKnown is the hot path: a packet of a key that is known.
func BenchmarkAddKnown(b *testing.B) {
	s := newScene(new(testing.T), DefaultLimits())
	var list []*Attributed
	for port := range uint16(60) {
		a := s.sampled(12, apiAddr, port)
		s.window.Add(a)
		s.window.Add(a)
		list = append(list, a)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		s.window.Add(list[i%len(list)])
	}
}

// A flow that is not sampled any more is told of the group that refuses it now.
func TestFlowsFollowTheirGroup(t *testing.T) {
	s := newScene(t, DefaultLimits())
	s.add(11, apiAddr, 80)
	for i, want := range []string{"aaaa", "aaaa", "cccc"} {
		if i == 2 {
			s.history.Add(small(2, closed("new"), Groups{Ingress: "cccc", FromHost: "bbbb"}))
		}
		at := float64(15 + 5*i)
		s.totals(at, grown(element(apiAddr, 80), 10))
		records := s.window.Close(second(at))
		if len(records) != 1 || records[0].Counter.Group != want {
			t.Errorf("at %v: got %+v, want one record of group %s", at, records, want)
		}
	}
}
