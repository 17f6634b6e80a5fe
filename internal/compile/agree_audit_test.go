// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/randpolicy"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// TestAuditChangesNothingElse compiles each world with its Audit policies and without: verdicts,
// marks and every other counter and log are the same.
func TestAuditChangesNothingElse(t *testing.T) {
	dice := randpolicy.New(2, 4)
	audited := 0
	for range 200 {
		w := newWorld(dice)
		with := newBench(t, w.Input, nil)
		enforcing := *w.Policies
		enforcing.Policies = slices.DeleteFunc(slices.Clone(enforcing.Policies),
			func(p *policy.Policy) bool { return p.Mode == policy.Audit })
		w.Input.Policies = &enforcing
		without := newBench(t, w.Input, nil)
		for range flowsPerSet {
			trip := w.trip()
			path, p := trip.first(0)
			got, plain := with.tracer.Walk(path, p), *p
			path, p = trip.first(0)
			want := without.tracer.Walk(path, p)
			if got.Verdict != want.Verdict || plain.Mark != p.Mark || plain.CT.Mark != p.CT.Mark {
				t.Fatalf("%+v: got %s, marks %x %x, want %s, %x %x", trip.flow, got.Verdict,
					plain.Mark, plain.CT.Mark, want.Verdict, p.Mark, p.CT.Mark)
			}
			if got, want := otherTrail(got), otherTrail(want); !slices.Equal(got, want) {
				t.Fatalf("%+v: got counters and logs %q, want %q", trip.flow, got, want)
			}
			if len(otherTrail(got)) < len(got.Counters)+len(logPrefixes(got)) {
				audited++
			}
		}
	}
	if audited < 500 {
		t.Errorf("got %d audited packets, want at least 500", audited)
	}
}

var groupHash = regexp.MustCompile(`[0-9a-f]{12}`)

// otherTrail is every counter and log prefix but those of audits, without the groups' hashes:
// these change with an Audit policy.
func otherTrail(r ruleset.Result) []string {
	var out []string
	for _, s := range slices.Concat(r.Counters, logPrefixes(r)) {
		if !strings.HasSuffix(s, "audit") && !strings.HasSuffix(s, "audit-silent") {
			out = append(out, groupHash.ReplaceAllString(s, "GROUP"))
		}
	}
	return out
}

// auditTrail is what rules and law say about would-be denials in one direction.
type auditTrail struct{ counted, silently, logged bool }

// auditDisagreement compares, for each direction, the audit counters and logs that a packet met
// with what the law says. It returns an empty text when they agree.
func auditDisagreement(d policy.Decision, r ruleset.Result) string {
	for _, direction := range []policy.Direction{policy.Egress, policy.Ingress} {
		want := lawful(d, direction)
		if got := trailOf(r, direction); got != want {
			return fmt.Sprintf("audit of %s: got %+v want %+v by %+v", direction, got, want,
				d.WouldDeny)
		}
	}
	return ""
}

// lawful is what the law wants counted and logged: one loud policy is enough for a log.
func lawful(d policy.Decision, direction policy.Direction) auditTrail {
	var out auditTrail
	for _, a := range d.WouldDeny {
		if a.Direction == direction {
			out.counted = true
			out.logged = out.logged || !a.Silent
		}
	}
	out.silently = out.counted && !out.logged
	return out
}

// trailOf reads the same off the counters and the log prefixes that the packet met.
func trailOf(r ruleset.Result, direction policy.Direction) auditTrail {
	var out auditTrail
	kinds := []kind{egress, toHost}
	if direction == policy.Ingress {
		kinds = []kind{ingress, fromHost}
	}
	for _, k := range kinds {
		for _, c := range r.Counters {
			if !strings.HasPrefix(c, k.String()+"-") {
				continue
			}
			out.counted = out.counted || strings.HasSuffix(c, "-audit") ||
				strings.HasSuffix(c, "-audit-silent")
			out.silently = out.silently || strings.HasSuffix(c, "-audit-silent")
		}
		out.logged = out.logged || slices.ContainsFunc(logPrefixes(r), func(p string) bool {
			return strings.HasPrefix(p, "bh1 ") && strings.HasSuffix(p, " "+k.String()+" audit")
		})
	}
	return out
}

func logPrefixes(r ruleset.Result) []string {
	var out []string
	for _, s := range r.Steps {
		for _, statement := range s.Rule.Statements {
			if l, ok := statement.(ruleset.Log); ok {
				out = append(out, l.Prefix)
			}
		}
	}
	return out
}

func TestAuditCounter(t *testing.T) {
	for name, want := range map[string]string{
		"egress-0123456789ab-audit":           "egress",
		"to-host-0123456789ab-audit-silent":   "egress",
		"ingress-0123456789ab-audit":          "ingress",
		"from-host-0123456789ab-audit-silent": "ingress",
		"ingress-0123456789ab-rule-silent":    "",
		"ingress-0123456789ab-allow":          "",
		"drop-invalid":                        "",
		"":                                    "",
	} {
		got := ""
		if direction, ok := AuditCounter(name); ok {
			got = direction.String()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
