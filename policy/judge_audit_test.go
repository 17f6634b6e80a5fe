// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// auditText is `direction policy action reason`, with "silent" behind it where nothing is logged.
func auditText(a Audited) string {
	reason := reasonText(Decision{Reason: a.Reason, Rule: a.Rule, Isolating: a.Isolating,
		Direction: a.Direction})
	text := fmt.Sprintf("%s %s %s", a.Policy.Name, strings.ToLower(string(a.Action)), reason)
	if a.Silent {
		text += " silent"
	}
	return text
}

func silent(r Rule) Rule {
	r.Log = LogNone
	return r
}

func TestAuditTellsWhatItWouldDeny(t *testing.T) {
	all := podsOf("", "")
	for _, c := range []struct {
		name              string
		set               *Set
		from, to, service string
		want              []string
	}{
		{"S0.10 an Audit NetworkPolicy would isolate", newSet(
			netpol("shop/a", "app=db", ingress(rule(Accept, nil, tcp(1))), audited)),
			"192.0.2.1", "shop/db", "tcp/2", []string{"a deny default-deny:ingress(a)"}},
		{"S0.10 it accepts what one of its rules accepts", newSet(
			netpol("shop/a", "app=db", ingress(rule(Accept, nil, tcp(1))), audited)),
			"192.0.2.1", "shop/db", "tcp/1", nil},
		{"S0.10 its rules and those of enforced policies add up", newSet(
			netpol("shop/a", "app=db", ingress(), audited),
			netpol("shop/b", "app=db", ingress(rule(Accept, nil, tcp(2))))),
			"192.0.2.1", "shop/db", "tcp/2", nil},
		{"S0.10 several are each considered alone", newSet(
			netpol("shop/a", "app=db", ingress(rule(Accept, nil, tcp(2))), audited),
			netpol("shop/b", "app=db", ingress(), audited, answering),
			cluster("c", BaselineTier, 1, all, ingress(rule(Deny, nil)), audited)),
			"192.0.2.1", "shop/db", "tcp/2", []string{"b reject default-deny:ingress(b)",
				"c deny c:ingress[0]"}},
		{"S0.10 an Audit policy stands at its place in the order", newSet(
			cluster("a", AdminTier, 1, all, ingress(rule(Deny, nil, tcp(1))), audited),
			cluster("b", AdminTier, 2, all, ingress(rule(Accept, nil))),
			cluster("c", AdminTier, 3, all, ingress(rule(Deny, nil)), audited)),
			"192.0.2.1", "shop/db", "tcp/1", []string{"a deny a:ingress[0]"}},
		{"S0.10 an Audit Pass leads past what accepts", newSet(
			cluster("a", AdminTier, 1, all, ingress(rule(Pass, nil)), audited),
			cluster("b", AdminTier, 2, all, ingress(rule(Accept, nil))),
			netpol("shop/n", "app=db", ingress())),
			"192.0.2.1", "shop/db", "tcp/1", []string{"a deny default-deny:ingress(n)"}},
		{"S0.10 an Audit Accept in front of a denial is no denial", newSet(
			cluster("a", AdminTier, 1, all, ingress(rule(Accept, nil)), audited),
			cluster("b", AdminTier, 2, all, ingress(rule(Deny, nil)))),
			"192.0.2.1", "shop/db", "tcp/1", nil},
		{"S0.10 what is denied anyway is not audited", newSet(
			cluster("a", AdminTier, 1, all, ingress(rule(Deny, nil)), audited),
			netpol("shop/n", "app=db", ingress())),
			"192.0.2.1", "shop/db", "tcp/1", nil},
		{"S0.10 both directions are told", newSet(
			cluster("a", AdminTier, 1, all, ingress(rule(Deny, nil)), egress(rule(Reject, nil)),
				audited)),
			"shop/web", "shop/db", "tcp/1", []string{"a reject a:egress[0]",
				"a deny a:ingress[0]"}},
		{"S0.10 egress is told when ingress denies", newSet(
			cluster("a", AdminTier, 1, all, egress(rule(Deny, nil)), audited),
			netpol("shop/n", "app=db", ingress())),
			"shop/web", "shop/db", "tcp/1", []string{"a deny a:egress[0]"}},
		{"S0.10 the own node is exempt from an Audit NetworkPolicy too", newSet(
			netpol("shop/a", "app=db", ingress(), audited)),
			"host", "shop/db", "tcp/1", nil},
		{"S0.10 the own node is not exempt from Baseline", newSet(
			segmentation("a", BaselineTier, 1, all,
				ingress(rule(Deny, peers(entity(EntityHost)))), audited)),
			"host", "shop/db", "tcp/1", []string{"a deny a:ingress[0]"}},
		{"S0.10 a rule with log None is counted and not logged", newSet(
			cluster("a", AdminTier, 1, all, ingress(silent(rule(Deny, nil))), audited)),
			"192.0.2.1", "shop/db", "tcp/1", []string{"a deny a:ingress[0] silent"}},
		{"S0.10 what no policy can change is not audited", newSet(
			cluster("a", AdminTier, 1, all, egress(rule(Deny, nil)), audited)),
			"shop/web", "shop/web", "tcp/1", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := flowOf(t, c.from, c.to, c.service)
			var got []string
			for _, a := range c.set.Evaluate(f).WouldDeny {
				got = append(got, auditText(a))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: got %q want %q\n%s", f, got, c.want, c.set.Explain(f))
			}
		})
	}
}

// TestAuditIsEnforceAlone enforces each Audit policy for a trial, with all others gone: what it
// then refuses is what it said it would, and nothing else.
func TestAuditIsEnforceAlone(t *testing.T) {
	seen := 0
	forRandom(t, 5, func(t *testing.T, _ chance, s *Set, f Flow) {
		for _, d := range []Direction{Egress, Ingress} {
			decision := s.EvaluateDirection(d, f)
			var want []string
			for _, p := range s.Policies {
				if p.Mode != Audit || decision.Action != Accept {
					continue
				}
				if alone := enforcing(s, p).EvaluateDirection(d, f); alone.Action != Accept {
					want = append(want, p.Ref.String()+": "+alone.Why)
				}
			}
			var got []string
			for _, a := range decision.WouldDeny {
				got = append(got, a.Policy.String()+": "+a.Why)
			}
			seen += len(got)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %s: got %q want %q", f, d, got, want)
			}
		}
	})
	if seen < 500 {
		t.Errorf("got %d would-be denials, want at least 500", seen)
	}
}

// enforcing is the set without its Audit policies but for one, which is enforced.
func enforcing(s *Set, trial *Policy) *Set {
	out := *s
	out.Policies = nil
	for _, p := range s.Policies {
		switch {
		case p == trial:
			enforced := *p
			enforced.Mode = Enforce
			out.Policies = append(out.Policies, &enforced)
		case p.Mode != Audit:
			out.Policies = append(out.Policies, p)
		}
	}
	return &out
}
