// SPDX-License-Identifier: Apache-2.0

package ctl_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/policy"
)

// opened is sitePolicies with one rule more.
var opened = strings.Replace(sitePolicies, "    ports: [{port: 5432}]\n",
	"    ports: [{port: 5432}]\n  - from: [{podSelector: {matchLabels: {app: batch}}}]\n", 1)

func TestExplainDenialShowsThenAndNow(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	s.recordAll(t)
	then := func(id string) string {
		t.Helper()
		r := s.ask(t, "explain", "--denial", id)
		if r.code != 0 {
			t.Fatalf("%s: got %+v", id, r)
		}
		return r.out
	}
	for _, want := range []string{
		"deny " + id(0) + ": shop/batch -> shop/db 5432/tcp, 1 packet\n",
		"no rule accepts it: shop/db is isolated for ingress by NetworkPolicy shop/db (shop.yaml:6)\n",
		"  from  shop/batch@eth0  10.2.0.4 port 40001  at veth-batch  app=batch\n",
		"  to    shop/db@eth0     10.1.0.3             at veth-db     app=db\n",
		"ingress of shop/db: drop\n", "still refused\n",
		"\nthen, by the policies ", "\nnow: the same policies say the same\n",
		"ingress[0] Accept: peer: shop/batch is not pods app=web",
	} {
		if got := then(id(0)); !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %q in it", got, want)
		}
	}
	if got := then(id(1)); !strings.Contains(got, `SegmentationPolicy host-closed egress[0] "ssh" `+
		"says so, of the Admin tier, at shop.yaml:23\n") {
		t.Errorf("a rule: got\n%s\nwant its name and place", got)
	}
	if got := then(id(2)); strings.Count(got, "not judged, no policy decided: spoof") != 2 {
		t.Errorf("a spoofed packet: got\n%s\nwant nothing judged", got)
	}

	s.policies(t, opened)
	if r := s.run(t, "apply"); r.code != 0 {
		t.Fatalf("apply: %+v", r)
	}
	got := then(id(0))
	if !strings.Contains(got, "already allowed since generation ") ||
		!strings.Contains(got, ", by NetworkPolicy shop/db ingress[1]\n") ||
		!strings.Contains(got, "tcp/5432 from shop/batch to shop/db: Deny\n") ||
		!strings.Contains(got, "tcp/5432 from shop/batch to shop/db: Accept\n") {
		t.Errorf("after a rule was added: got\n%s\nwant Deny then and Accept now", got)
	}
	s.policies(t, "")
	if r := s.run(t, "apply"); r.code != 0 {
		t.Fatalf("apply: %+v", r)
	}
	if got := then(id(0)); !strings.Contains(got, "already allowed since some generation after 4\n") {
		t.Errorf("without policies: got\n%s\nwant it allowed", got)
	}
}

func TestExplainDenialInJSON(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	s.recordAll(t)
	var got struct {
		Record    struct{ ID string }
		Verdict   string
		Then, Now struct {
			Policies string
			Why      string
			Law      *policy.Explanation
		}
		Allowed bool
	}
	read := func() {
		t.Helper()
		r := s.ask(t, "explain", "--denial", id(5), "-o", "json")
		got.Then.Law, got.Then.Why = nil, ""
		if err := json.Unmarshal([]byte(r.out), &got); err != nil || r.code != 0 {
			t.Fatalf("%v in %+v", err, r)
		}
	}
	read()
	if got.Record.ID != id(5) || got.Then.Law == nil || got.Now.Law == nil || got.Allowed ||
		got.Then.Policies != got.Now.Policies || len(got.Then.Policies) != 64 ||
		got.Then.Law.Decision.Reason != policy.ReasonDefaultDeny {
		t.Errorf("got %+v, want the same refusal then and now", got)
	}
	kept := filepath.Join(s.denials, "policies", got.Then.Policies+".json")
	if err := os.WriteFile(kept, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if read(); got.Then.Law != nil || !strings.Contains(got.Then.Why, "corrupt policy version") {
		t.Errorf("a version that was changed: got %+v, want it disbelieved", got.Then)
	}
	if err := os.Remove(kept); err != nil {
		t.Fatal(err)
	}
	if read(); got.Then.Law != nil || !strings.Contains(got.Then.Why, "not kept any more") ||
		got.Now.Law == nil {
		t.Errorf("a version that is gone: got %+v, want it said, and now all the same", got.Then)
	}
}

func TestExplainDenialFollowsAWorkloadToItsNextInstance(t *testing.T) {
	s := newSite(t)
	s.recordAll(t)
	ask := func(want string) {
		t.Helper()
		if r := s.ask(t, "explain", "--denial", id(0)); r.code != 0 || !strings.Contains(r.out, want) {
			t.Errorf("got %+v, want %q", r, want)
		}
	}
	ask("note: shop/batch is not attached any more; it is judged as it was\n")
	next := s.attachment("batch")
	next.ContainerID = "another"
	next.Endpoint.ID = "another/eth0"
	next.Endpoint.Labels = map[string]string{"app": "web"} // it may now
	s.attach(t, next, s.attachment("db"))
	ask("already allowed since some generation after 4\n")
}

func TestOneRecordIsNamed(t *testing.T) {
	s := newSite(t)
	s.recordAll(t)
	for _, tc := range []struct {
		line []string
		code int
		want string
	}{
		{[]string{"explain", "--denial", id(0)[:25]}, 1, "is not one record but 6: " + id(0) + ", "},
		{[]string{"explain", "--denial", strings.ToLower(id(0))}, 0, id(0)},
		{[]string{"explain", "--denial", "nobody"}, 1, `no record "nobody" in `},
		{[]string{"explain", "--denial", id(0), "shop/web"}, 2, `unexpected argument "shop/web"`},
		{[]string{"suggest"}, 2, "wanted the ID of a record"},
		{[]string{"suggest", ""}, 2, "found an empty id"},
		{[]string{"suggest", id(0), id(1)}, 2, "found 2 arguments"},
	} {
		if r := s.ask(t, tc.line...); r.code != tc.code || !strings.Contains(r.out+r.err, tc.want) {
			t.Errorf("%q: got %+v, want %d and %q", tc.line, r, tc.code, tc.want)
		}
	}
}
