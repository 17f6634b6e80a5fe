// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// trailDisagreement compares what a packet of a flow leaves in counters and logs, beside its
// verdict, with what the law says. Only a fresh flow, whose first packet this is, leaves a record
// of being accepted. It returns an empty text when they agree.
func trailDisagreement(d policy.Decision, r ruleset.Result, fresh bool) string {
	for _, direction := range []policy.Direction{policy.Egress, policy.Ingress} {
		counted, logged := recordedBy(r, direction)
		want := fresh && slices.Contains(d.Logged, direction)
		if counted != want || logged != want {
			return fmt.Sprintf("record of %s: got counted %v, logged %v, want %v by %v", direction,
				counted, logged, want, d.Logged)
		}
	}
	return auditDisagreement(d, r)
}

// recordedBy reads off the counters and log prefixes whether the packet left a record of being
// accepted.
func recordedBy(r ruleset.Result, direction policy.Direction) (counted, logged bool) {
	kinds := []kind{egress, toHost}
	if direction == policy.Ingress {
		kinds = []kind{ingress, fromHost}
	}
	for _, k := range kinds {
		counted = counted || slices.ContainsFunc(r.Counters, func(c string) bool {
			return strings.HasPrefix(c, k.String()+"-") && strings.HasSuffix(c, "-allow")
		})
		logged = logged || slices.ContainsFunc(logPrefixes(r), func(p string) bool {
			return strings.HasPrefix(p, "bh1 ") && strings.HasSuffix(p, " "+k.String()+" allow")
		})
	}
	return counted, logged
}

func TestAllowCounter(t *testing.T) {
	for name, want := range map[string]string{
		"egress-0123456789ab-allow":    "egress",
		"from-host-0123456789ab-allow": "ingress",
		"ingress-0123456789ab-audit":   "",
		"ingress-0123456789ab-rule":    "",
		"drop-invalid":                 "",
	} {
		got := ""
		if direction, ok := AllowCounter(name); ok {
			got = direction.String()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
