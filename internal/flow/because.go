// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"fmt"
	"strings"

	"github.com/bulkhead-net/bulkhead/policy"
)

// cause names the rule, or all policies, that a record is about.
func cause(r *Record) string {
	if r.Rule != nil {
		return r.Rule.String()
	}
	var names []string
	for _, p := range r.Isolating {
		names = append(names, p.String())
	}
	for _, a := range r.WouldDeny {
		names = append(names, a.Policy.String())
	}
	return strings.Join(names, ", ")
}

func auditWhy(would []policy.Audited) string {
	var parts []string
	for _, a := range would {
		parts = append(parts, fmt.Sprintf("%s is in Audit mode and alone would refuse it: %s",
			a.Policy, a.Why))
	}
	return strings.Join(parts, "; ")
}

// disagreement says that no rule can be named, and why.
func disagreement(r *Record, a attempt) string {
	what := "refused it"
	if r.Action == Pass {
		what = "let it pass"
	}
	text := fmt.Sprintf("the kernel %s (%s)", what, r.Counter.Name())
	if !a.fits {
		return text + "; that group is no end's in a generation that is remembered, so no rule " +
			"can be named"
	}
	return fmt.Sprintf("%s, which generation %d does not explain: a change of the policies was "+
		"under way, so no rule can be named", text, a.snapshot.Generation)
}
