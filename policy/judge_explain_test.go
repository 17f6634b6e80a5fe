// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// explained has something to tell in each tier.
func explained() *Set {
	pass := rule(Pass, peers(podsIn("shop", "app=api")), tcp(5432))
	pass.Name = "app decides"
	return newSet(
		segmentation("admin", AdminTier, 10, podsIn("shop", ""), ingress(
			rule(Deny, peers(entity(EntityWorld))), pass, rule(Deny, nil))),
		cluster("later", AdminTier, 20, podsOf("", ""), ingress(rule(Deny, nil))),
		cluster("other", AdminTier, 30, podsIn("pay", ""), ingress(rule(Deny, nil))),
		netpol("shop/db", "app=db", ingress(
			rule(Accept, peers(podsIn("shop", "app=web")), tcp(5432)),
			closedAccept("unknown field except"))),
		netpol("shop/all", "", ingress()),
		netpol("shop/out", "", egress(rule(Accept, nil))),
		netpol("shop/audit", "", ingress(rule(Accept, nil)), audited),
		cluster("base", BaselineTier, 1, podsOf("", ""), ingress(rule(Accept, nil))),
	)
}

const explainedText = `tcp/5432 from shop/api to shop/db: Deny
  shop/db is isolated for ingress by NetworkPolicy shop/all, NetworkPolicy shop/db; ` +
	`no rule accepts tcp/5432 from shop/api
egress of shop/api: Accept (rule)
  Admin: no rule matches
    SegmentationPolicy admin (priority 10)
    ClusterNetworkPolicy later (priority 20)
    other policies, which do not select it: 1
  NetworkPolicy: Accept
    NetworkPolicy shop/all: does not list this direction in policyTypes
    NetworkPolicy shop/audit: in Audit mode
    NetworkPolicy shop/out
    * egress[0] Accept: matches
    other policies, which do not select it: 1
  Baseline: not asked, the NetworkPolicy tier decided
ingress of shop/db: Deny (default-deny)
  Admin: Pass, the next tier is asked
    SegmentationPolicy admin (priority 10)
      ingress[0] Deny: peer: shop/api is not entity World
    * ingress[1] "app decides" Pass: matches
    ClusterNetworkPolicy later (priority 20): not asked, an earlier rule decided
    other policies, which do not select it: 1
  NetworkPolicy: Deny
    NetworkPolicy shop/all
    NetworkPolicy shop/audit: in Audit mode; enforced, it would make this Accept: ` +
	`NetworkPolicy shop/audit ingress[0] accepts tcp/5432 from shop/api
    NetworkPolicy shop/db
      ingress[0] Accept: peer: shop/api is not pods app=web in namespace "shop"
      ingress[1] Accept: closed, unknown field except; peer: shop/api is not in an empty list
    NetworkPolicy shop/out: does not list this direction in policyTypes
  Baseline: not asked, the NetworkPolicy tier decided
`

func TestExplainText(t *testing.T) {
	e := explained().Explain(flowOf(t, "shop/api", "shop/db", "tcp/5432"))
	if got := e.String(); got != explainedText {
		t.Errorf("text: got\n%s\nwant\n%s", got, explainedText)
	}
}

func TestExplainShowsWhatAuditWouldDeny(t *testing.T) {
	s := newSet(
		netpol("shop/closed", "app=db", ingress(), audited),
		cluster("next", BaselineTier, 1, podsOf("", ""), egress(
			rule(Accept, peers(segment("none"))), rule(Reject, nil, tcp(5432))), audited))
	text := s.Explain(flowOf(t, "shop/api", "shop/db", "tcp/5432")).String()
	for _, want := range []string{
		"tcp/5432 from shop/api to shop/db: Accept\n",
		"  audited: enforced, ClusterNetworkPolicy next would make its egress Reject: " +
			"ClusterNetworkPolicy next egress[1] rejects tcp/5432 to shop/db\n",
		"  audited: enforced, NetworkPolicy shop/closed would make its ingress Deny: " +
			"shop/db is isolated for ingress by NetworkPolicy shop/closed; " +
			"no rule accepts tcp/5432 from shop/api\n",
		"    ClusterNetworkPolicy next (priority 1): in Audit mode; " +
			"enforced, it would make this Reject: ",
		"    NetworkPolicy shop/closed: in Audit mode; enforced, it would make this Deny: ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("text: got\n%s\nwant %q in it", text, want)
		}
	}
}

func TestExplainBeforePolicy(t *testing.T) {
	e := explained().Explain(flowOf(t, "shop/api", "224.0.0.1", "udp/1"))
	if e.Decision.Reason != ReasonMulticast || len(e.Directions) != 0 {
		t.Errorf("multicast: got %+v want a decision without any policy asked", e)
	}
}

func TestExplainOwnNodeIsExempt(t *testing.T) {
	e := explained().Explain(flowOf(t, "host", "shop/db", "tcp/1"))
	text := e.String()
	for _, want := range []string{
		"tcp/1 from the own node (10.0.0.1) to shop/db: Deny",
		"egress of the own node (10.0.0.1): Accept (not-subject)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("text: got\n%s\nwant %q in it", text, want)
		}
	}
	s := newSet(netpol("shop/db", "", ingress()))
	text = s.Explain(flowOf(t, "host", "shop/db", "tcp/1")).String()
	if want := "NetworkPolicy: not asked, the own node is exempt"; !strings.Contains(text, want) {
		t.Errorf("text: got\n%s\nwant %q in it", text, want)
	}
}

func TestExplanationSurvivesJSON(t *testing.T) {
	want := explained().Explain(flowOf(t, "shop/web", "shop/db", "tcp/5433"))
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Explanation
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("after JSON: got %+v want %+v", got, want)
	}
	if !strings.Contains(string(data), `"direction":"ingress"`) {
		t.Errorf("JSON: got %s want directions as words", data)
	}
}

func TestDirectionText(t *testing.T) {
	var d Direction
	if err := d.UnmarshalText([]byte("sideways")); err == nil {
		t.Error("direction sideways: got no error")
	}
}

func TestWhy(t *testing.T) {
	s := explained()
	for _, c := range []struct{ from, to, service, want string }{
		{"shop/api", "shop/db", "tcp/5432", "shop/db is isolated for ingress by " +
			"NetworkPolicy shop/all, NetworkPolicy shop/db; " +
			"no rule accepts tcp/5432 from shop/api"},
		{"192.0.2.1", "shop/db", "icmp/8/0",
			"SegmentationPolicy admin ingress[0] denies icmp/8/0 from 192.0.2.1"},
		{"shop/web", "192.0.2.1", "ip/89",
			"NetworkPolicy shop/out egress[0] accepts protocol 89 to 192.0.2.1"},
		{"pay/api", "192.0.2.1", "tcp/1", "no policy decides about egress of pay/api: " +
			"tcp/1 to 192.0.2.1 is allowed by default"},
		{"192.0.2.1", "host", "tcp/1",
			"192.0.2.1 is not an endpoint, so no policy judges its egress"},
		{"shop/web", "shop/web", "tcp/1", "shop/web talks to its own address"},
		{"shop/web", "127.0.0.1", "tcp/1",
			"tcp/1 is dropped: shop/web sends to the loopback address 127.0.0.1"},
	} {
		if got := s.Evaluate(flowOf(t, c.from, c.to, c.service)).Why; got != c.want {
			t.Errorf("why: got  %s\nwant %s", got, c.want)
		}
	}
}
