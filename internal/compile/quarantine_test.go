// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/randpolicy"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

func quarantine(blocks ...string) *policy.Quarantine {
	q := &policy.Quarantine{}
	for _, b := range blocks {
		q.AllowFrom = append(q.AllowFrom, netip.MustParsePrefix(b))
	}
	return q
}

// cut is the input with the quarantines of its first endpoints as given.
func cut(in Input, quarantines ...*policy.Quarantine) Input {
	endpoints := in.Endpoints
	in.Endpoints = nil
	for i, e := range endpoints {
		changed := *e.Endpoint
		changed.Quarantine = nil
		if i < len(quarantines) {
			changed.Quarantine = quarantines[i]
		}
		in.Endpoints = append(in.Endpoints, Endpoint{Endpoint: &changed, Local: e.Local})
	}
	return in
}

// Going in, coming out and another list of allowed blocks judge every flow once more.
func TestQuarantineNarrowsBothWays(t *testing.T) {
	dice := randpolicy.New(1, 4)
	for range 50 {
		w := newWorld(dice)
		states := map[string]Input{"free": cut(w.Input), "in quarantine": cut(w.Input, quarantine()),
			"allowed": cut(w.Input, quarantine("192.0.2.0/24", "fd00:9::/64"))}
		for from, before := range states {
			for to, after := range states {
				old, _ := Compile(before)
				now, _ := Compile(after)
				if got := Narrows(ruleset.Diff(old, now)); got != (from != to) {
					t.Fatalf("%s to %s: narrows %t, want %t", from, to, got, from != to)
				}
			}
		}
	}
}

// parts are the chains and the elements of the sets of a ruleset, by name; from the dispatch those
// of one endpoint are left out.
func parts(r *ruleset.Ruleset, without Endpoint) map[string]any {
	out := map[string]any{}
	own := map[ruleset.Key]bool{}
	for _, a := range without.Addresses {
		own[ruleset.Join(ruleset.Ifname(without.Local.Interface()), ruleset.Addr(a))] = true
	}
	for _, t := range r.Tables {
		for _, c := range t.Chains {
			out[t.Family.String()+" chain "+c.Name] = c
		}
		for _, s := range t.Sets {
			dispatch := s.Verdicts || strings.HasPrefix(s.Name, "open-")
			list := append([]ruleset.Element{}, s.Elements...)
			out[t.Family.String()+" set "+s.Name] = slices.DeleteFunc(list,
				func(e ruleset.Element) bool { return dispatch && own[e.Key] })
		}
	}
	return out
}

// An endpoint in quarantine changes its own dispatch: the elements of all others lead where they
// led, by chains that are what they were. What else is new or gone is its groups alone.
func TestQuarantineTouchesNobodyElse(t *testing.T) {
	dice := randpolicy.New(2, 4)
	for range 100 {
		w := newWorld(dice)
		before, _ := Compile(cut(w.Input))
		after, _ := Compile(cut(w.Input, quarantine("192.0.2.0/24")))
		was, is := parts(before, w.Endpoints[0]), parts(after, w.Endpoints[0])
		for name := range is {
			if old, ok := was[name]; ok && !reflect.DeepEqual(old, is[name]) {
				t.Fatalf("%s: got %v, want %v", name, is[name], old)
			}
		}
		if reflect.DeepEqual(before, after) {
			t.Fatal("the quarantine changed nothing")
		}
	}
}

// groupsOf are where the dispatch of an endpoint's IPv4 address leads, by kind.
func groupsOf(t *testing.T, r *ruleset.Ruleset, e Endpoint) [kindCount]string {
	t.Helper()
	key := ruleset.Join(ruleset.Ifname(e.Local.Interface()), ruleset.Addr(e.Addresses[0]))
	var out [kindCount]string
	for k := range kindCount {
		eachSet(r, k.String(), func(s *ruleset.Set) bool {
			for _, el := range s.Elements {
				if s.Name == k.String() && el.Key == key {
					out[k] = el.Verdict.Chain
				}
			}
			return false
		})
		if out[k] == "" {
			t.Fatalf("%s: no group of %s", k, e)
		}
	}
	return out
}

func TestQuarantinesOfOneListShareTheirGroups(t *testing.T) {
	w := newWorld(randpolicy.New(3, 4))
	for i := range w.Endpoints {
		w.Endpoints[i].Local = &Local{Port: "veth"}
	}
	r, _ := Compile(cut(w.Input, quarantine("192.0.2.0/24", "10.0.0.0/8"),
		quarantine("10.0.0.0/8", "192.0.2.0/24", "10.0.0.0/8"), quarantine("10.0.0.0/8"), quarantine()))
	var groups [4][kindCount]string
	for i := range groups {
		groups[i] = groupsOf(t, r, w.Endpoints[i])
	}
	if groups[0] != groups[1] {
		t.Errorf("the same blocks: got %v and %v, want the same groups", groups[0], groups[1])
	}
	for i := 2; i < 4; i++ {
		for k := range kindCount {
			same := k.direction() == policy.Egress
			if got := groups[i][k] == groups[0][k]; got != same {
				t.Errorf("%s of other blocks: got %s and %s, shared %t, want %t", k, groups[0][k],
					groups[i][k], got, same)
			}
		}
	}
}

// What a proxy relays is judged as if the connection were direct: by the quarantines of both.
func TestQuarantineOfPublishedPorts(t *testing.T) {
	client := &policy.Endpoint{ID: "c/eth0", Addresses: []netip.Addr{netip.MustParseAddr("10.1.0.2")}}
	server := &policy.Endpoint{ID: "s/eth0", Addresses: []netip.Addr{netip.MustParseAddr("10.1.0.3")}}
	host := netip.MustParseAddrPort("198.51.100.1:80")
	in := Input{Policies: &policy.Set{}, Config: DefaultConfig(), Endpoints: []Endpoint{
		{client, &Local{Port: "veth1"}},
		{server, &Local{Port: "veth2", Published: []Published{{host, policy.ProtocolTCP, 8080}}}}}}
	flow := policy.Flow{From: policy.Party{Endpoint: client, Addr: client.Addresses[0]},
		To: policy.Party{Host: true, Addr: host.Addr()}, Protocol: policy.ProtocolTCP, Port: 80}
	for _, c := range []struct {
		name           string
		client, server *policy.Quarantine
		want           ruleset.Outcome
	}{
		{"none", nil, nil, ruleset.Accepted},
		{"client", quarantine("0.0.0.0/0"), nil, ruleset.Dropped},
		{"server", nil, quarantine(), ruleset.Dropped},
		{"server that lets the client in", nil, quarantine("10.1.0.2/32"), ruleset.Accepted},
		{"both", quarantine(), quarantine("10.1.0.2/32"), ruleset.Dropped},
	} {
		b := newBench(t, cut(in, c.client, c.server), nil)
		path, p := trip{flow: flow, from: in.Endpoints[0].Local}.first(0)
		got := b.tracer.Walk(path, p)
		quarantined := strings.HasSuffix(got.LogPrefix, " quarantine")
		if got.Verdict != c.want || quarantined == (c.want == ruleset.Accepted) {
			t.Errorf("%s: got %s, %q, want %s: %v", c.name, got.Verdict, got.LogPrefix, c.want,
				got.Steps)
		}
	}
}
