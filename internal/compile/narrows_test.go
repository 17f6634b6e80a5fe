// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// An audited packet is accepted: more members of such a set forbid nothing. A member that leaves
// one may be forbidden now, even if the same transaction puts it among the accepted ones.
func TestAuditedIsAccepting(t *testing.T) {
	op := func(kind ruleset.OpKind, set string) ruleset.Op {
		return ruleset.Op{Kind: kind, Set: &ruleset.Set{Name: set}}
	}
	for _, c := range []struct {
		name string
		ops  []ruleset.Op
		want bool
	}{
		{"into an audited set", []ruleset.Op{op(ruleset.AddElements, "peers-audit-0a")}, false},
		{"into a silent one", []ruleset.Op{op(ruleset.AddElements, "peers-audit-silent-0a")}, false},
		{"blocks too", []ruleset.Op{op(ruleset.AddElements, "blocks-audit-0a")}, false},
		{"from refused to audited", []ruleset.Op{op(ruleset.DeleteElements, "peers-default-0a"),
			op(ruleset.AddElements, "peers-audit-0a")}, false},
		{"out of an audited set", []ruleset.Op{op(ruleset.DeleteElements, "peers-audit-0a")}, true},
		{"from audited to accepted", []ruleset.Op{op(ruleset.DeleteElements, "peers-audit-0a"),
			op(ruleset.AddElements, "peers-accept-0a")}, true},
		{"into a recorded set", []ruleset.Op{op(ruleset.AddElements, "peers-allow-0a"),
			op(ruleset.AddElements, "blocks-allow-audit-0a")}, false},
		{"out of a recorded set", []ruleset.Op{op(ruleset.DeleteElements, "peers-allow-0a")}, true},
		{"into a refusing set", []ruleset.Op{op(ruleset.AddElements, "peers-rule-0a")}, true},
	} {
		if got := Narrows(c.ops); got != c.want {
			t.Errorf("%s: got narrowing %v, want %v", c.name, got, c.want)
		}
	}
}
