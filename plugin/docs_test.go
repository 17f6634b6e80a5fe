// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocs: the manual names every key that is read, every code and every default.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/plugin.md")
	if err != nil {
		t.Fatal(err)
	}
	manual := string(text)
	var words []string
	for key := range fields {
		words = append(words, "| `"+key+"`")
	}
	for _, key := range standard {
		words = append(words, "`"+key+"`")
	}
	for _, code := range []Code{IncompatibleVersion, UnsupportedField, InvalidEnvironment,
		InputOutput, Undecodable, InvalidConf, InvalidNetNS, TryAgain, Unavailable, Limited,
		Unenforceable, Contradiction, NotEnforced, Internal} {
		words = append(words, fmt.Sprintf("\n| %d |", code))
	}
	for verb := range verbs {
		words = append(words, "\n| "+verb+" |")
	}
	words = append(words, Versions...)
	words = append(words, fmt.Sprintf("%d labels", maxLabels), fmt.Sprintf("%d named ports", maxPorts),
		fmt.Sprintf("%d characters", maxID), fmt.Sprintf("%.0f seconds", DefaultTimeout.Seconds()))
	for _, w := range words {
		if !strings.Contains(manual, w) {
			t.Errorf("docs/plugin.md: got no %q", w)
		}
	}
}
