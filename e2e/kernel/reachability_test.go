// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/policy"
)

// reachability is what policy says and what packets found, as a matrix: a line for every
// source, a column for every destination and service that has an error in it.
type reachability struct {
	expected, observed map[[2]string]string
	rows, columns      []string
}

func newReachability(results []result) reachability {
	r := reachability{expected: map[[2]string]string{}, observed: map[[2]string]string{}}
	add := func(list *[]string, name string) {
		if !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
	wrong := map[string]bool{}
	for _, x := range results {
		wrong[partyName(x.To)+" "+x.Service()] = wrong[partyName(x.To)+" "+x.Service()] || !x.ok()
	}
	for _, x := range results {
		if !wrong[partyName(x.To)+" "+x.Service()] {
			continue
		}
		row, column := partyName(x.From), partyName(x.To)+" "+x.Service()
		add(&r.rows, row)
		add(&r.columns, column)
		r.expected[[2]string{row, column}] = word(x.want)
		r.observed[[2]string{row, column}] = word(x.got)
	}
	return r
}

func partyName(p policy.Party) string {
	switch {
	case p.Host:
		return fmt.Sprintf("host(%s)", p.Addr)
	case p.Endpoint != nil:
		return fmt.Sprintf("%s(%s)", p.Endpoint, p.Addr)
	}
	return p.Addr.String()
}

// String marks every cell where the kernel disagrees: "!deny (accept)" was denied and should
// have been accepted. A dot was not probed.
func (r reachability) String() string {
	var b strings.Builder
	for i, c := range r.columns {
		fmt.Fprintf(&b, "  [%d] %s\n", i, c)
	}
	for _, row := range r.rows {
		fmt.Fprintf(&b, "  %-40s", row)
		for i, c := range r.columns {
			want, got := r.expected[[2]string{row, c}], r.observed[[2]string{row, c}]
			switch {
			case want == "":
				b.WriteString(" .")
			case want == got:
				fmt.Fprintf(&b, " %d:%s", i, got)
			default:
				fmt.Fprintf(&b, " %d:!%s (%s)", i, got, want)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// check fails the test with the matrix when any probe did not end as it should.
func check(t testing.TB, what string, results []result) {
	t.Helper()
	var wrong []string
	for _, r := range results {
		if !r.ok() {
			wrong = append(wrong, fmt.Sprintf("%s: got %v, want %v: %s", r.probe, r.got, r.want,
				r.decision.Why))
		}
	}
	if len(wrong) > 0 {
		t.Errorf("%s: %d of %d probes disagree\n%s\n%s", what, len(wrong), len(results),
			strings.Join(wrong, "\n"), newReachability(results))
	}
}
