// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"os"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/compile/compiletest"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

func goldenCases(t testing.TB) []compiletest.Case {
	t.Helper()
	cases, err := compiletest.Cases("../../internal/compile/testdata")
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// The golden text loaded by nft, what Apply installs, and a listing that is loaded again: all
// three list alike.
func TestParity(t *testing.T) {
	for _, c := range goldenCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			text, err := os.ReadFile(c.WantFile)
			if err != nil {
				t.Fatal(err)
			}
			theirs := newBareNode(t, c.Input.Config)
			theirs.Nft(t, string(text))
			want := objects(theirs.list(t))
			if len(want) < 100 {
				t.Fatalf("got %d objects, want the whole ruleset", len(want))
			}
			ours := newBareNode(t, c.Input.Config)
			ops := ruleset.Diff(&ruleset.Ruleset{}, c.Ruleset)
			if err := ours.kernel.Apply(t.Context(), ops); err != nil {
				t.Fatal(err)
			}
			checkSame(t, "apply", objects(ours.list(t)), want)
			again := newBareNode(t, c.Input.Config)
			again.Nft(t, ours.list(t))
			checkSame(t, "listing loaded again", objects(again.list(t)), want)
			drift, err := ours.kernel.Verify(c.Ruleset)
			if err != nil || len(drift) > 0 {
				t.Errorf("verify: got %v, %v, want no drift", drift, err)
			}
		})
	}
}
