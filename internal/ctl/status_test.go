// SPDX-License-Identifier: Apache-2.0

package ctl_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/node"
)

// state is what programs read of status.
type state struct {
	Agent struct {
		State, Why string
		Started    time.Time
		Owner      *node.Ownership
	}
	Missing             []string
	Generation          int
	PolicyDir           string
	Policies, Endpoints map[string]int
	MarkWriters         []string
	Differences, Notes  []string
}

func (s *site) state(t *testing.T) (got state, code int) {
	t.Helper()
	r := s.run(t, "status", "-o", "json")
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatalf("status: got %v of %+v", err, r)
	}
	return got, r.code
}

// TestStatus: each thing that is wrong is said, and a finding, with an agent and without.
func TestStatus(t *testing.T) {
	for _, agents := range []string{"none", "ready", "down"} {
		t.Run(agents, func(t *testing.T) {
			s := newSite(t)
			s.attachAll(t)
			s.run(t, "quarantine", "shop/batch")
			stop := func() {}
			if agents != "none" {
				stop = s.agent(t)
			}
			if agents == "down" {
				stop()
			}
			got, code := s.state(t)
			if got.Agent.State != agents || (code == 1) != (agents == "down") ||
				got.Generation == 0 || got.PolicyDir != s.options.PolicyDir ||
				got.Policies["enforced"] != 3 || got.Endpoints["enforced"] != 2 ||
				got.Endpoints["quarantined"] != 1 || len(got.Differences) > 0 {
				t.Errorf("as it should be: got %+v and %d", got, code)
			}
			if owned := got.Agent.Owner != nil && got.Agent.Owner.Socket == s.socket(); owned !=
				(agents != "none") || got.Agent.Started.IsZero() != (agents != "ready") {
				t.Errorf("agent: got %+v", got.Agent)
			}
			s.policies(t, sitePolicies+"---\nkind: Nonsense\n")
			s.becomes(t, "a document without a name", func(got state) bool {
				return got.Policies["rejected"] == 1
			})
			s.policies(t, sitePolicies)
			s.becomes(t, "repaired", func(got state) bool { return got.Policies["rejected"] == 0 })
			s.net.Run(t, "ip", "link", "set", "veth-db", "nomaster")
			s.becomes(t, "a port that left its bridge", func(got state) bool {
				return got.Endpoints["not enforced"] == 1
			})
		})
	}
}

// becomes waits for what the agent sees, and wants it to be a finding exactly if it is bad.
func (s *site) becomes(t *testing.T, what string, happened func(state) bool) {
	t.Helper()
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		got, code := s.state(t)
		if !happened(got) {
			if time.Since(start) > 10*time.Second {
				t.Fatalf("%s: got %+v after 10 s", what, got)
			}
			continue
		}
		bad := got.Policies["rejected"]+got.Endpoints["not enforced"] > 0 || got.Agent.State == "down"
		if (code == 1) != bad {
			t.Errorf("%s: got exit code %d with %+v", what, code, got)
		}
		return
	}
}

// TestStatusOfTheKernel without anybody who repairs it.
func TestStatusOfTheKernel(t *testing.T) {
	s := newSite(t)
	s.wants(t, 0, []string{"agent      no agent", "rules      none", "endpoints  none"}, "status")
	s.attachAll(t)
	s.wants(t, 0, []string{"endpoints  3 enforced", "policies   3 enforced, of /"}, "status")
	s.net.Nft(t, "insert rule ip bulkhead forward accept")
	s.wants(t, 1, []string{"differs    ", "endpoints  3 not enforced"}, "status")
	s.run(t, "apply")
	s.wants(t, 0, []string{"endpoints  3 enforced"}, "status")
	s.net.Nft(t, "table ip other { chain c { type filter hook forward priority -200; "+
		"ct mark set 0x00010000; }; }")
	s.wants(t, 1, []string{"marks      ip other c", "endpoints  3 not enforced"}, "status")
	s.net.Run(t, "nft", "delete", "table", "ip", "other")
	s.wants(t, 0, []string{"endpoints  3 enforced"}, "status")
}

// awaits repeats a command until it ends with the code and the word, as it does at once without an
// agent.
func (s *site) awaits(t *testing.T, code int, word string, line ...string) result {
	t.Helper()
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		r := s.run(t, line...)
		if r.code == code && strings.Contains(r.out+r.err, word) {
			return r
		}
		if time.Since(start) > 10*time.Second {
			t.Fatalf("%q: got %+v after 10 s, want %d and %q", line, r, code, word)
		}
	}
}

// TestPolicies: what has become of each document, with an agent and without.
func TestPolicies(t *testing.T) {
	for _, agents := range []string{"none", "ready", "down"} {
		t.Run(agents, func(t *testing.T) {
			s := newSite(t)
			s.attachAll(t)
			if agents != "none" {
				if stop := s.agent(t); agents == "down" {
					stop()
				}
			}
			s.wants(t, 0, []string{"NetworkPolicy shop/db", "shop.yaml:", "enforced"}, "policies")
			s.policies(t, strings.Replace(sitePolicies, "podSelector: {matchLabels: {app: db}}",
				"podSelektor: {}", 1)+"---\nkind: Nonsense\n---\nkind: Segment\nspec: [\n")
			r := s.awaits(t, 1, "podSelektor", "policies", "-o", "json")
			var got struct {
				Policies []node.PolicyState
				Nameless []any
			}
			if err := json.Unmarshal([]byte(r.out), &got); err != nil || r.code != 1 ||
				len(got.Policies) != 3 || len(got.Nameless) != 2 {
				t.Fatalf("rejected: got %v of %+v, want 3 documents and 2 problems", err, r)
			}
			for _, p := range got.Policies {
				bad := p.Ref.Name == "db"
				if (p.Standing == node.PolicyRejected) != bad || (len(p.Reasons) > 0) != bad ||
					p.Generation == 0 {
					t.Errorf("got %+v, want db alone rejected, its last version in force", p)
				}
			}
			s.wants(t, 1, []string{"podSelektor", "?  "}, "policies")
			if err := os.RemoveAll(s.options.PolicyDir); err != nil {
				t.Fatal(err)
			}
			s.awaits(t, 0, "accepted last are in force", "policies")
			s.awaits(t, 1, "missing    ", "status")
		})
	}
}

// TestLabelRefuses what is no label, and what would make an endpoint another one.
func TestLabelRefuses(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	before := s.run(t, "render").out
	for _, tc := range []struct {
		line []string
		code int
		want string
	}{
		{nil, 2, "found 0 arguments"},
		{[]string{"shop/web"}, 2, "found 1 argument, wanted ENDPOINT and KEY=VALUE"},
		{[]string{"shop/web", "app"}, 2, "accepted are KEY=VALUE and KEY-"},
		{[]string{"shop/web", ""}, 2, "accepted are KEY=VALUE and KEY-"},
		{[]string{"shop/web", "app=a", "app=b"}, 2, "found twice"},
		{[]string{"shop/web", "app=a", "app-"}, 2, "found twice"},
		{[]string{"shop/web", "=a"}, 2, "not a label key"},
		{[]string{"shop/web", "a b=c"}, 2, "not a label key"},
		{[]string{"shop/web", "a=b=c"}, 2, "not a label value"},
		{[]string{"shop/web", "bulkhead.dev/x=y"}, 2, "reserved"},
		{[]string{"shop/web", "kubernetes.io/metadata.name=shop"}, 2, "reserved"},
		{[]string{"shop/web", "ok=1", "io.kubernetes.pod-"}, 2, "reserved"},
		{[]string{"shop/nobody", "app=a"}, 1, `no endpoint "shop/nobody"`},
		{[]string{"host", "app=a"}, 1, `no endpoint "host"`},
	} {
		s.wants(t, tc.code, []string{tc.want}, append([]string{"label"}, tc.line...)...)
	}
	if after := s.run(t, "render").out; after != before {
		t.Error("a refused command changed the ruleset")
	}
	if err := os.RemoveAll(s.options.PolicyDir); err != nil {
		t.Fatal(err)
	}
	s.wants(t, 1, []string{"policy directory"}, "label", "shop/web", "app=a")
}
