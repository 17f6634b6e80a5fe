// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"strings"
	"testing"
)

func TestProblemPrintsOnOneSafeLine(t *testing.T) {
	ref := Ref{Kind: KindNetworkPolicy, Namespace: "shop", Name: "web"}
	at := Position{File: "web.yaml", Line: 12, Column: 7}
	cases := []struct {
		name    string
		problem Problem
		want    string
	}{
		{"found and accepted", Problem{Position: at, Ref: ref, Severity: SeverityError,
			Field: "spec.a", Found: `"x"`, Accepted: "y"},
			`web.yaml:12:7: NetworkPolicy shop/web: spec.a: found "x", accepted y`},
		{"message", Problem{Position: at, Severity: SeverityError, Message: "m"},
			"web.yaml:12:7: m"},
		{"severity", Problem{Position: at, Ref: ref, Severity: SeverityNotEnforced, Message: "m"},
			"web.yaml:12:7: not enforced: NetworkPolicy shop/web: m"},
		{"no column", Problem{Position: Position{File: "f", Line: 3}, Severity: SeverityWarning,
			Message: "m"}, "f:3: warning: m"},
		{"no position", Problem{Severity: SeverityError, Message: "m"}, "-: m"},
		{"terminal escapes", Problem{Position: Position{File: "a\x1b[2J\nb"}, Severity: SeverityError,
			Ref: Ref{Kind: "K", Name: "\u202ename"}, Field: "x\r", Message: "m\x00"},
			`a\x1b[2J\nb: K \u202ename: x\r: m\x00`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.problem.String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			var asError error = c.problem
			var back Problem
			if !errors.As(asError, &back) || asError.Error() != c.want {
				t.Errorf("got error %v, want %s", asError, c.want)
			}
		})
	}
}

func TestProblemsAreSortedByPlace(t *testing.T) {
	at := func(file string, line, column int) Problem {
		return Problem{Position: Position{File: file, Line: line, Column: column}, Message: "m"}
	}
	problems := []Problem{at("b", 1, 1), at("a", 2, 1), at("a", 1, 9), at("a", 1, 2), at("a", 10, 1)}
	SortProblems(problems)
	var got []string
	for _, p := range problems {
		got = append(got, p.Position.String())
	}
	if want := "a:1:2 a:1:9 a:2:1 a:10:1 b:1:1"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestSuggestions(t *testing.T) {
	words := []string{"podSelector", "namespaceSelector", "ipBlock", "tcp"}
	cases := map[string]string{
		"podSelectr":   "podSelector",
		"PODSELECTOR":  "podSelector",
		"ipblok":       "ipBlock",
		"pdoSelector":  "podSelector",
		"nmspaceSelec": "",
		"icmp":         "",
		"x":            "",
		"":             "",
	}
	for found, want := range cases {
		t.Run(found, func(t *testing.T) {
			if want != "" {
				want = " (did you mean " + quoted(want) + "?)"
			}
			if got := suggestion(found, words); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	long := strings.Repeat("x", 1<<20)
	if got := suggestion(long, []string{long[1:]}); got != "" {
		t.Errorf("got a suggestion for a megabyte, want none")
	}
}
