// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/randpolicy"
	"github.com/bulkhead-net/bulkhead/policy"
)

// ambiguous says that a packet alone does not tell who began the flow.
func (t trip) ambiguous() bool {
	return !isICMP(t.Protocol) && (!policy.HasPorts(t.Protocol) || t.Port >= ephemeralPorts)
}

// wrong compares a record with what policy.Explain says of the flow that the packet belongs to.
func wrong(w *world, tr trip, ev *Event, got *Attributed) string {
	r, f := &got.Record, tr.Flow.Flow
	direction := directionOf(ev.Prefix.Kind)
	want := w.law.EvaluateDirection(direction, f)
	if e := w.law.Explain(f); len(e.Directions) > 0 {
		want = e.Directions[direction].Decision
	}
	id := func(p policy.Party) string {
		if p.Endpoint == nil {
			return ""
		}
		return p.Endpoint.ID
	}
	switch {
	case got.Disagrees:
		return "policy does not explain it: " + r.Why
	case r.Client.ID != id(f.From) || r.Client.Host != f.From.Host || r.Client.Addr != f.From.Addr:
		return fmt.Sprintf("client: got %+v, want %+v", r.Client, f.From)
	case r.Server.ID != id(f.To) || r.Server.Host != f.To.Host || r.Server.Addr != f.To.Addr:
		return fmt.Sprintf("server: got %+v, want %+v", r.Server, f.To)
	case r.Direction != direction || r.Port != f.Port || r.Type != f.ICMPType:
		return fmt.Sprintf("got %s of port %d, type %d", r.Direction, r.Port, r.Type)
	case policy.HasPorts(f.Protocol) && r.Client.Port != clientPort:
		return fmt.Sprintf("client's port: got %d, want %d", r.Client.Port, clientPort)
	case r.Kind == Allowed && r.WouldDeny != nil:
		return "would deny: got it in a record of what is allowed, which has one of its own"
	case r.Kind != Allowed && !reflect.DeepEqual(r.WouldDeny, want.WouldDeny):
		return fmt.Sprintf("would deny: got %+v, want %+v", r.WouldDeny, want.WouldDeny)
	case r.Kind == WouldDeny:
		return ""
	case !reflect.DeepEqual(r.Rule, want.Rule) || !reflect.DeepEqual(r.Isolating, want.Isolating):
		return fmt.Sprintf("got %v %v, want %v %v", r.Rule, r.Isolating, want.Rule, want.Isolating)
	case r.Why != want.Why || string(r.Reason) != string(want.Reason):
		return fmt.Sprintf("got %s %q, want %s %q", r.Reason, r.Why, want.Reason, want.Why)
	}
	return ""
}

// survey attributes packets of both directions of random flows in random worlds. It returns how
// many of each word and question there were, and those that are wrong. A fault may change what
// the agent knows, or what the kernel tells.
func survey(t *testing.T, worlds int, fault func(*world, *Event)) (map[string]int, []string) {
	t.Helper()
	d := randpolicy.New(20, 1)
	seen, bad := map[string]int{}, []string(nil)
	for range worlds {
		w := newWorld(t, d, 5, noon)
		for range 100 {
			tr := w.trip()
			for _, reply := range []bool{false, true} {
				path, p := tr.packet(reply)
				for _, ev := range w.events(path, p, second(1)) {
					if ev.Prefix.Group == "" {
						continue
					}
					if tr.ambiguous() || d.IntN(2) == 0 {
						ev.Tuple = Tuple{Src: tr.Flow.Flow.From.Addr, SrcPort: clientPort}
					}
					seen[ev.Prefix.Kind]++
					seen[ev.Prefix.Word]++
					if text := faulty(w, tr, ev, fault); text != "" {
						bad = append(bad, fmt.Sprintf("%s\n%+v\nreply %v: %s", tr.Flow, ev, reply,
							text))
					}
				}
			}
		}
	}
	return seen, bad
}

func faulty(w *world, tr trip, ev Event, fault func(*world, *Event)) string {
	seen := *w
	snapshot := *w.snapshot
	seen.snapshot = &snapshot
	fault(&seen, &ev)
	h := NewHistory()
	h.Add(seen.snapshot)
	got := h.Attribute(&ev)
	return wrong(w, tr, &ev, &got)
}

// TestAttributeAgreesWithExplain sends packets through the rules of random worlds. What the rules
// log is attributed to the flow that was sent, and explained as Explain does. Without conntrack's
// tuple it must work too, where the packet tells enough.
func TestAttributeAgreesWithExplain(t *testing.T) {
	seen, bad := survey(t, 100, func(*world, *Event) {})
	if len(bad) > 0 {
		t.Fatalf("got %d wrong records, the first: %s", len(bad), bad[0])
	}
	t.Logf("packets: %v", seen)
	for _, name := range []string{"egress", "ingress", "to-host", "from-host", "rule", "default",
		"reject-rule", "reject-default", "quarantine", "audit"} {
		if seen[name] < 50 {
			t.Errorf("%s: got %d packets, want at least 50", name, seen[name])
		}
	}
}

// TestAttributeWithoutGroups: a node that does not know the groups finds the same by asking the
// policies alone.
func TestAttributeWithoutGroups(t *testing.T) {
	seen, bad := survey(t, 40, func(w *world, _ *Event) { w.snapshot.Groups = nil })
	if len(bad) > 0 || seen["egress"] < 500 {
		t.Errorf("got %d wrong records of %v, want none: %s", len(bad), seen, bad)
	}
}

// TestPlantedFaultsAreSeen: the comparison notices each fault, so it can fail.
func TestPlantedFaultsAreSeen(t *testing.T) {
	for name, fault := range map[string]func(*world, *Event){
		"policies of another node": func(w *world, _ *Event) {
			w.snapshot.Policies = &policy.Set{}
		},
		"no endpoints": func(w *world, _ *Event) { w.snapshot.Index = NewIndex(nil) },
		"ends swapped": func(_ *world, ev *Event) {
			ev.Tuple = Tuple{Src: ev.Dst, SrcPort: ev.DstPort}
		},
		"another hook": func(_ *world, ev *Event) {
			ev.Hook = map[Hook]Hook{HookInput: HookForward, HookForward: HookInput}[ev.Hook]
		},
		"another word": func(_ *world, ev *Event) {
			ev.Prefix.Word = map[string]string{"rule": "default"}[ev.Prefix.Word]
		},
		"another group": func(_ *world, ev *Event) { ev.Prefix.Group = "ffffffffffff" },
		"another port":  func(_ *world, ev *Event) { ev.PhysIn, ev.PhysOut = "veth77", "veth77" },
	} {
		if _, bad := survey(t, 5, fault); len(bad) < 20 {
			t.Errorf("%s: got %d wrong records, want at least 20", name, len(bad))
		}
	}
}
