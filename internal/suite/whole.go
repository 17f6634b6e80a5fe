// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/clauses"
)

// through names the packages without tests of their own, each with the package that runs it.
// It is the only way for a package to be without tests.
var through = map[string]string{
	"cmd/bulkhead":        demo,
	"cmd/bulkheadctl":     demo,
	"cmd/bulkheadd":       "deploy",
	"internal/randpolicy": "internal/compile",
	"policy/v1alpha1":     "policy/v1alpha1/crdgen",
}

// whole is the suite of what only a complete run can show.
func whole(m module, reports []*report) *report {
	r := &report{name: "whole", progress: os.Stdout}
	checkPackages(r, m)
	var titles []string
	for _, other := range reports {
		titles = append(titles, other.titles...)
	}
	proofs, err := scan(m)
	if err != nil {
		r.problem("clauses", err.Error())
		return r
	}
	checkClauses(r, proofs, titles)
	return r
}

// checkPackages looks for packages that no suite runs.
func checkPackages(r *report, m module) {
	for _, p := range m {
		by, ok := through[p.short()]
		switch {
		case p.hasTests() || p.short() == demo:
			r.passed++
		case !ok:
			r.problem("package "+p.short(), "has no tests, and whole.go names none that run it\n")
		default:
			if text := usedBy(m, p, by); text != "" {
				r.problem("package "+p.short(), text)
				continue
			}
			r.passed++
		}
	}
}

// usedBy looks whether a package that runs in a suite imports p, or, since commands cannot be
// imported, names it.
func usedBy(m module, p pkg, by string) string {
	user, ok := m.find(by)
	if !ok || !user.hasTests() && by != demo {
		return "is tested through " + by + ", which has no tests\n"
	}
	if p.Name == "main" {
		files, err := filepath.Glob(filepath.Join(user.Dir, "*.go"))
		for _, f := range files {
			text, _ := os.ReadFile(f)
			if strings.Contains(string(text), "cmd/") &&
				strings.Contains(string(text), filepath.Base(p.ImportPath)+`"`) {
				return ""
			}
		}
		return fmt.Sprintf("is tested through %s, which does not run it (%v)\n", by, err)
	}
	out, err := exec.Command("go", "list", "-deps", "-test", user.ImportPath).Output()
	if err != nil || !slices.Contains(strings.Fields(string(out)), p.ImportPath) {
		return fmt.Sprintf("is tested through %s, which does not import it (%v)\n", by, err)
	}
	return ""
}

func scan(m module) ([]clauses.Proof, error) {
	var paths []string
	for _, p := range m {
		for _, pattern := range []string{"*_test.go", "testdata/*.table"} {
			found, err := fs.Glob(os.DirFS("."), p.short()+"/"+pattern)
			if err != nil {
				return nil, err
			}
			paths = append(paths, found...)
		}
	}
	return clauses.Scan(os.DirFS("."), paths)
}

// checkClauses looks for clauses of the policy language that no passed test names.
func checkClauses(r *report, proofs []clauses.Proof, titles []string) {
	var tags []string
	for _, title := range titles {
		tags = append(tags, clauses.OfTest(proofs, title)...)
	}
	missing := clauses.Missing(tags)
	for _, c := range missing {
		r.problem("clause "+c.ID, "no test that names it ran and passed: "+c.Text+"\n")
	}
	for _, chapter := range clauses.Chapters() {
		r.passed += len(chapter.Clauses)
	}
	r.passed -= len(missing)
}
