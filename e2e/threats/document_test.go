// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

var (
	tableRow   = regexp.MustCompile(`(?m)^\| (\d+) \|(.+)\|(.+)\| (.+) \|$`)
	namedTest  = regexp.MustCompile("`([^`]+)`")
	function   = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	threatTest = regexp.MustCompile(`^TestThreat(\d{3})([A-Z]\w*)?$`)
)

// tests are the test functions of a package's directory.
func tests(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no test files, %v", dir, err)
	}
	out := map[string]bool{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range function.FindAllSubmatch(text, -1) {
			out[string(m[1])] = true
		}
	}
	return out
}

// TestDocument holds docs/threats.md and the tests together: no row without a test that exists,
// no threat's test without a row of its number.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/threats.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]map[string]bool{"e2e/threats": tests(t, "e2e/threats")}
	listed, seen := map[string]bool{}, map[string]bool{}
	for _, row := range tableRow.FindAllStringSubmatch(string(text), -1) {
		number := row[1]
		if seen[number] {
			t.Errorf("row %s: stands there twice", number)
		}
		seen[number] = true
		named := namedTest.FindAllStringSubmatch(row[4], -1)
		if len(named) == 0 {
			t.Errorf("row %s: names no test", number)
		}
		for _, n := range named {
			dir, name, elsewhere := strings.Cut(n[1], ".")
			if !elsewhere {
				dir, name = "e2e/threats", n[1]
				if m := threatTest.FindStringSubmatch(name); m == nil ||
					strings.TrimLeft(m[1], "0") != number {
					t.Errorf("row %s: %s is the test of another row", number, name)
				}
				listed[name] = true
			}
			if known[dir] == nil {
				known[dir] = tests(t, dir)
			}
			if !known[dir][name] {
				t.Errorf("row %s: %s has no test %s", number, dir, name)
			}
		}
	}
	if len(seen) == 0 {
		t.Error("docs/threats.md: found no row")
	}
	for name := range known["e2e/threats"] {
		if strings.HasPrefix(name, "TestThreat") && !listed[name] {
			t.Errorf("%s: has no row", name)
		}
	}
}
