// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// ours are the files that are, or are about to be, under version control.
func ours(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	var paths []string
	seen := map[string]bool{}
	for _, p := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		// A file that was deleted and not yet committed is still listed.
		if _, err := os.Stat(root + "/" + p); err != nil || seen[p] {
			continue
		}
		seen[p] = true
		paths = append(paths, p)
	}
	if len(paths) < 100 {
		t.Fatalf("files of the module: got %d, want at least 100", len(paths))
	}
	return paths
}

func ourTree(t *testing.T) *Tree {
	t.Helper()
	tree, err := NewTree(os.DirFS(root), ours(t))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// TestLaws holds this module to its laws.
func TestLaws(t *testing.T) {
	tree := ourTree(t)
	for _, law := range Laws() {
		t.Run(law.Name, func(t *testing.T) {
			for _, v := range law.Check(tree) {
				t.Error(v)
			}
		})
	}
}

// TestHostOfThisMachine looks for the package source of the machine that runs the test.
func TestHostOfThisMachine(t *testing.T) {
	out, err := exec.Command("go", "env", "GOPROXY").Output()
	if err != nil {
		t.Fatal(err)
	}
	tree := ourTree(t)
	hosts := 0
	for _, source := range strings.FieldsFunc(strings.TrimSpace(string(out)), func(r rune) bool {
		return r == ',' || r == '|'
	}) {
		u, err := url.Parse(source)
		if err != nil || u.Host == "" {
			continue
		}
		hosts++
		for _, v := range tree.grep(regexp.MustCompile(regexp.QuoteMeta(u.Host)),
			"where packages come from is the choice of who builds") {
			t.Error(v)
		}
	}
	t.Logf("%d hosts looked for", hosts)
}

// TestPurePackagesExist keeps the list of pure packages true: a renamed package would be free.
func TestPurePackagesExist(t *testing.T) {
	found := map[string]bool{}
	for f := range ourTree(t).code {
		found[f.Package()] = true
	}
	for name := range purePackages {
		if !found[name] {
			t.Errorf("pure package %s: got no files, want some", name)
		}
	}
}
