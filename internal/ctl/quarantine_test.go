// SPDX-License-Identifier: Apache-2.0

package ctl_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// reach probes db's port 5432 from web, which policy allows.
func (s *site) reach(t *testing.T, when string, want error) {
	t.Helper()
	for _, address := range []string{"10.1.0.3:5432", "[fd00:1::3]:5432"} {
		if got := s.boxes["web"].Dial("tcp", address, 0); !errors.Is(got, want) {
			t.Errorf("%s: %s: got %v, want %v", when, address, got, want)
		}
	}
}

func TestQuarantineAndRelease(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	s.boxes["db"].Serve(t, "tcp", 5432)
	s.reach(t, "before", nil)
	for _, name := range []string{"shop/db", "shop/db@eth0", "10.1.0.3", "fd00:1::3", "db-0"} {
		r := s.run(t, "quarantine", name)
		if want := "shop/db@eth0: in quarantine, closed to everybody\n"; r.code != 0 ||
			!strings.Contains(r.out, want) || !strings.Contains(r.out, "judged once more") {
			t.Errorf("quarantine %s: got %+v, want %q", name, r, want)
		}
		s.reach(t, name, testnet.ErrTimeout)
		if r := s.run(t, "quarantine", name); r.code != 0 || !strings.Contains(r.out, "nothing") {
			t.Errorf("quarantine %s again: got %+v, want nothing to change", name, r)
		}
		r = s.run(t, "release", name)
		if want := "shop/db@eth0: released, policy judges it again\n"; r.code != 0 ||
			!strings.Contains(r.out, want) {
			t.Errorf("release %s: got %+v, want %q", name, r, want)
		}
		s.reach(t, name, nil)
	}
}

func TestQuarantineLetsIn(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	s.boxes["db"].Serve(t, "tcp", 5432)
	var got struct {
		ID, Endpoint     string
		Changed, Flipped bool
		Quarantine       *struct {
			Reason    string
			AllowFrom []string
			Since     time.Time
		}
	}
	decode := func(r result) {
		t.Helper()
		got.Quarantine = nil
		if err := json.Unmarshal([]byte(r.out), &got); err != nil || r.code != 0 || !got.Changed ||
			!got.Flipped || got.ID != s.attachment("db").Endpoint.ID || got.Endpoint != "shop/db@eth0" {
			t.Errorf("got %+v, %v of %+v", got, err, r)
		}
	}
	decode(s.run(t, "quarantine", "shop/db", "--allow-from", "fd00:1::2,10.2.0.0/24", "-o", "json",
		"--allow-from", "10.1.0.2"))
	want := []string{"10.1.0.2/32", "10.2.0.0/24", "fd00:1::2/128"}
	if q := got.Quarantine; q == nil || q.Reason != "requested" || q.Since.IsZero() ||
		!slices.Equal(q.AllowFrom, want) {
		t.Errorf("quarantine: got %+v, want %v let in", q, want)
	}
	s.reach(t, "let in", nil)
	decode(s.run(t, "release", "shop/db", "-o", "json"))
	if got.Quarantine != nil {
		t.Errorf("released: got %+v, want none", got.Quarantine)
	}
}

// The other commands know: the list says it, and the judges agree about flows from and to it.
func TestQuarantineIsTold(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	s.run(t, "quarantine", "shop/db", "--allow-from", "10.2.0.4")
	r := s.run(t, "endpoints")
	if want := "quarantined (requested), open to 10.2.0.4/32 alone"; r.code != 0 ||
		strings.Count(r.out, "quarantined") != 1 || !strings.Contains(r.out, want) {
		t.Errorf("endpoints: got %+v, want %q once", r, want)
	}
	var states []struct {
		Name, State string
		Enforced    bool
		Quarantine  *struct{ AllowFrom []string }
	}
	r = s.run(t, "endpoints", "-o", "json")
	if err := json.Unmarshal([]byte(r.out), &states); err != nil || len(states) != 3 {
		t.Fatalf("endpoints: got %v of %+v", err, r)
	}
	for _, e := range states {
		want := map[bool]string{true: "quarantined", false: "enforced"}[e.Name == "db"]
		if e.State != want || !e.Enforced || (e.Quarantine != nil) != (e.Name == "db") {
			t.Errorf("endpoints: got %+v, want state %s", e, want)
		}
	}
	for _, flow := range []struct{ from, to, want string }{
		{"shop/web", "shop/db", "Deny"}, {"shop/db", "shop/web", "Deny"}, {"host", "shop/db", "Deny"},
		{"shop/db", "host", "Deny"}, {"192.0.2.1", "shop/db", "Deny"},
		{"shop/db", "shop/batch", "Deny"}, {"shop/batch", "shop/db", "Accept"},
	} {
		x, _ := s.explain(t, flow.from, flow.to, "5432/tcp")
		if d := x.Law.Decision; !x.Agree || string(d.Action) != flow.want ||
			d.Reason != "quarantine" {
			t.Errorf("%s to %s: got %+v, agreed %t, want %s by the quarantine", flow.from, flow.to, d,
				x.Agree, flow.want)
		}
	}
}

func TestQuarantineRefuses(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	before := s.run(t, "render").out
	for _, tc := range []struct {
		line []string
		code int
		want string
	}{
		{[]string{"quarantine"}, 2, "found 0 arguments, wanted ENDPOINT"},
		{[]string{"quarantine", "shop/db", "shop/web"}, 2, "found 2 arguments"},
		{[]string{"release"}, 2, "wanted ENDPOINT"},
		{[]string{"release", "--allow-from", "10.0.0.0/8", "shop/db"}, 2, "allow-from"},
		{[]string{"quarantine", "shop/nobody"}, 1, `no endpoint "shop/nobody"`},
		{[]string{"quarantine", "192.0.2.1"}, 1, `no endpoint "192.0.2.1"`},
		{[]string{"quarantine", "10.1.0.1"}, 1, `no endpoint "10.1.0.1"`},
		{[]string{"quarantine", "host"}, 1, `no endpoint "host"`},
		{[]string{"quarantine", ""}, 1, `no endpoint ""`},
		{[]string{"release", "shop/nobody"}, 1, `no endpoint "shop/nobody"`},
		{[]string{"quarantine", "shop/db", "--allow-from", "10.0.0.1/8"}, 2, "without host bits"},
		{[]string{"quarantine", "shop/db", "--allow-from", "::ffff:10.0.0.1"}, 2, "accepted are"},
		{[]string{"quarantine", "shop/db", "--allow-from", "fe80::1%eth0"}, 2, "accepted are"},
		{[]string{"quarantine", "shop/db", "--allow-from", "shop/web"}, 2, "accepted are"},
		{[]string{"quarantine", "shop/db", "--allow-from", ""}, 2, "empty"},
	} {
		if r := s.run(t, tc.line...); r.code != tc.code || !strings.Contains(r.err, tc.want) {
			t.Errorf("%q: got %+v, want %d and %q", tc.line, r, tc.code, tc.want)
		}
	}
	if after := s.run(t, "render").out; after != before {
		t.Error("a refused command changed the ruleset")
	}
}

// What the kernel does not do is said, and a finding.
func TestQuarantineSaysWhatIsNotEnforced(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	s.run(t, "quarantine", "shop/db")
	s.net.Nft(t, "insert rule ip bulkhead forward accept")
	r := s.run(t, "quarantine", "shop/db")
	if r.code != 1 || !strings.Contains(r.out, "not enforced: the kernel is not as desired") {
		t.Errorf("a rule too much: got %+v, want a finding", r)
	}
	s.run(t, "apply")
	if r := s.run(t, "quarantine", "shop/db"); r.code != 0 {
		t.Errorf("repaired: got %+v, want 0", r)
	}
}
