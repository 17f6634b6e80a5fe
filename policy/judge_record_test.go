// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"testing"
)

func logged(r Rule) Rule {
	r.Log = LogAll
	return r
}

// Which connections leave a record depends on the rule that accepts, and in the union of
// NetworkPolicies on no order.
func TestLoggedAsksForARecord(t *testing.T) {
	all := podsOf("", "")
	plain, asks := rule(Accept, nil), logged(rule(Accept, nil))
	in, out := []Direction{Ingress}, []Direction{Egress}
	for _, c := range []struct {
		name     string
		set      *Set
		from, to string
		want     []Direction
	}{
		{"a rule of Admin", newSet(cluster("a", AdminTier, 1, all, ingress(asks))),
			"192.0.2.1", "shop/db", in},
		{"a rule without log All", newSet(cluster("a", AdminTier, 1, all, ingress(plain))),
			"192.0.2.1", "shop/db", nil},
		{"an earlier rule decides", newSet(cluster("a", AdminTier, 1, all, ingress(plain, asks))),
			"192.0.2.1", "shop/db", nil},
		{"the first of a union", newSet(netpol("shop/a", "app=db", ingress(asks, plain))),
			"192.0.2.1", "shop/db", in},
		{"the last of a union", newSet(netpol("shop/a", "app=db", ingress(plain)),
			netpol("shop/b", "app=db", ingress(plain, asks))), "192.0.2.1", "shop/db", in},
		{"one that does not match", newSet(netpol("shop/a", "app=db",
			ingress(plain, logged(rule(Accept, nil, tcp(2)))))), "192.0.2.1", "shop/db", nil},
		{"both directions", newSet(cluster("a", AdminTier, 1, all, egress(asks), ingress(asks))),
			"shop/web", "shop/db", []Direction{Egress, Ingress}},
		{"egress, and ingress denies", newSet(cluster("a", AdminTier, 1, all, egress(asks)),
			netpol("shop/n", "app=db", ingress())), "shop/web", "shop/db", out},
		{"egress to the world", newSet(cluster("a", AdminTier, 1, all, egress(asks))),
			"shop/web", "192.0.2.1", out},
		{"a denial", newSet(cluster("a", AdminTier, 1, all, ingress(logged(rule(Deny, nil))))),
			"192.0.2.1", "shop/db", nil},
		{"a Pass", newSet(cluster("a", AdminTier, 1, all, ingress(logged(rule(Pass, nil))))),
			"192.0.2.1", "shop/db", nil},
		{"in Audit", newSet(cluster("a", AdminTier, 1, all, ingress(asks), audited)),
			"192.0.2.1", "shop/db", nil},
		{"in Baseline, and an Audit policy would deny", newSet(
			cluster("a", AdminTier, 1, all, ingress(rule(Deny, nil)), audited),
			cluster("b", BaselineTier, 1, all, ingress(asks))), "192.0.2.1", "shop/db", in},
	} {
		f := flowOf(t, c.from, c.to, "tcp/1")
		got := c.set.Evaluate(f)
		if !slices.Equal(got.Logged, c.want) {
			t.Errorf("%s: got logged %v (%s), want %v", c.name, got.Logged, got.Why, c.want)
		}
		text := c.set.Explain(f).String()
		if got := strings.Count(text, "asks for a record (log: All)"); got != len(c.want) {
			t.Errorf("%s: got %d lines about records, want %d:\n%s", c.name, got, len(c.want), text)
		}
	}
}
