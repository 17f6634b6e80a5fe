// SPDX-License-Identifier: Apache-2.0

package compile_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/compile/compiletest"
)

var update = flag.Bool("update", false, "write testdata/*/want.nft anew; review the difference")

// TestGolden compares the text of the compiled rules with files that people have read.
func TestGolden(t *testing.T) {
	cases, err := compiletest.Cases("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) < 6 {
		t.Errorf("got %d cases, want at least 6", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			got := c.Ruleset.String()
			if *update {
				if err := os.WriteFile(c.WantFile, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(c.WantFile)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("rules differ (-update writes them):\n%s", difference(got, string(want)))
			}
		})
	}
}

// difference is the first line in which two texts part, with those before it.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return strings.Join(g[max(0, i-5):i], "\n") + "\ngot  " + g[i] + "\nwant " + w[i]
		}
	}
	return "one is the beginning of the other"
}
