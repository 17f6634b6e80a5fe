// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Severity grades a Problem.
type Severity string

// The severities. An Error rejects its document; a Warning does not change what is enforced;
// NotEnforced marks something that was understood, is valid, and has no effect yet.
const (
	SeverityError       Severity = "error"
	SeverityWarning     Severity = "warning"
	SeverityNotEnforced Severity = "not enforced"
)

// Problem is one finding in a document: where, what was found, what is accepted.
type Problem struct {
	Position Position `json:"position"`
	Ref      Ref      `json:"ref"`
	Severity Severity `json:"severity"`
	// Field is the path inside the document, as in spec.ingress[0].from[1].
	Field string `json:"field,omitempty"`
	Found string `json:"found,omitempty"`
	// Accepted says what would have been right.
	Accepted string `json:"accepted,omitempty"`
	Message  string `json:"message"`
}

// String prints the problem on one line, as in
//
//	web.yaml:12:7: NetworkPolicy shop/web: spec.ingress[0].from[0].ipBlock.cidr: found ...
//
// An error carries no severity; the others put theirs behind the position.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Position.String())
	if p.Severity != SeverityError && p.Severity != "" {
		b.WriteString(": " + string(p.Severity))
	}
	switch {
	case p.Ref.Kind != "" && p.Ref.Name != "":
		b.WriteString(": " + printable(p.Ref.String()))
	case p.Ref.Kind != "":
		b.WriteString(": " + printable(p.Ref.Kind))
	}
	if p.Field != "" {
		b.WriteString(": " + printable(p.Field))
	}
	b.WriteString(": " + printable(p.sentence()))
	return b.String()
}

// Error makes a Problem an error with the text of String.
func (p Problem) Error() string { return p.String() }

func (p Problem) sentence() string {
	if p.Message != "" {
		return p.Message
	}
	return "found " + p.Found + ", accepted " + p.Accepted
}

// String returns "file:line:column" without the parts that are not known.
func (p Position) String() string {
	s := printable(p.File)
	if s == "" {
		s = "-"
	}
	if p.Line == 0 {
		return s
	}
	s += ":" + strconv.Itoa(p.Line)
	if p.Column == 0 {
		return s
	}
	return s + ":" + strconv.Itoa(p.Column)
}

// HasErrors reports whether any problem rejected its document.
func HasErrors(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool {
		return p.Severity == SeverityError
	})
}

// SortProblems orders problems by file, line and column, then by text.
func SortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.Position.File, b.Position.File),
			cmp.Compare(a.Position.Line, b.Position.Line),
			cmp.Compare(a.Position.Column, b.Position.Column),
			cmp.Compare(a.String(), b.String()),
		)
	})
}

// printable returns s with everything that a terminal could act on escaped. Names and file
// names come from whoever wrote the document, and a problem is read on a terminal.
func printable(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) || r == '\uFFFD' {
			quoted := strconv.Quote(s)
			return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
		}
	}
	return s
}

// maxQuoted bounds how much of somebody's text one problem repeats, in bytes.
const maxQuoted = 80

// quoted returns s in quotes, escaped, and cut to a bearable length.
func quoted(s string) string {
	if len(s) > maxQuoted {
		return strconv.Quote(s[:maxQuoted]) + "..."
	}
	return strconv.Quote(s)
}
