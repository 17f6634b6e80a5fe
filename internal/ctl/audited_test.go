// SPDX-License-Identifier: Apache-2.0

package ctl_test

import (
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/policy"
)

// TestAuditedPacketsAreShownAsWhatTheyAre has a record of packets that passed, and that an Audit
// policy would have refused.
func TestAuditedPacketsAreShownAsWhatTheyAre(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	r := s.denied(t, 0, s.party("web"), s.party("db"), 17, 5432)
	s.policies(t, sitePolicies+isolatingAudit)
	set := policy.Load([]policy.File{{Name: "shop.yaml",
		Data: []byte(sitePolicies + isolatingAudit)}}, nil)
	f := policy.Flow{From: lawParty(r.Client), To: lawParty(r.Server), Protocol: 6, Port: 5432}
	d := set.Evaluate(f)
	if d.Action != policy.Accept || len(d.WouldDeny) == 0 {
		t.Fatalf("got %+v, want an audited flow", d)
	}
	r.Kind, r.Reason, r.Action, r.Proto = flow.WouldDeny, flow.ReasonAudit, flow.Pass, 6
	r.Isolating, r.WouldDeny, r.Policies = nil, d.WouldDeny[:1], ""
	s.record(t, r)
	for _, tc := range []struct {
		line []string
		code int
		want []string
	}{
		{[]string{"denials", allDay, "--reason", "audit"}, 0,
			[]string{"shop/web -> shop/db 5432/tcp  would-deny  NetworkPolicy shop/closed  pass\n"}},
		{[]string{"denials", allDay, "--kind", "deny"}, 0, []string{"no such record\n"}},
		{[]string{"explain", "--denial", id(0)}, 0, []string{
			"passed; would be refused if Audit policies were enforced: NetworkPolicy shop/closed\n",
			"then: not judged, the record does not name the policies of then\n",
			"tcp/5432 from shop/web to shop/db: Accept\n",
			"audited: enforced, NetworkPolicy shop/closed would make its egress Deny"}},
		{[]string{"suggest", id(0)}, 1, []string{"is already allowed: ",
			"note: NetworkPolicy shop/closed is in Audit mode and would refuse its egress: a rule " +
				"belongs into it before it is enforced: "}},
	} {
		got := s.ask(t, tc.line...)
		if got.code != tc.code {
			t.Errorf("%q: got %d, want %d", tc.line, got.code, tc.code)
		}
		for _, want := range tc.want {
			if !strings.Contains(got.out+got.err, want) {
				t.Errorf("%q: got\n%s%s\nwant %q in it", tc.line, got.out, got.err, want)
			}
		}
	}
}
