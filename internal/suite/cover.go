// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// through names the packages without tests of their own, each with the package that runs it.
// It is the only way for a package to be without tests.
var through = map[string]string{
	"cmd/bulkhead":                 demo,
	"cmd/bulkheadctl":              demo,
	"cmd/bulkheadd":                "deploy",
	"internal/compile/compiletest": "internal/compile",
	"internal/randpolicy":          "internal/compile",
}

// checkPackages looks for packages that no suite runs.
func checkPackages(r *report, m module) {
	for _, p := range m {
		by, ok := through[p.short()]
		switch {
		case p.hasTests() || p.short() == demo:
			r.passed++
		case !ok:
			r.problem("package "+p.short(), "has no tests, and cover.go names none that run it\n")
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
