// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// suite is a list of steps under a name.
type suite struct {
	name  string
	steps []step
	show  *regexp.Regexp
}

// The packages of the suites that are not found by rule. What else lies below e2e is a kernel
// test, and whatever else has tests is a unit.
var (
	lintPackages   = []string{"internal/arch", "internal/clauses"}
	kernelPackages = []string{"internal/base", "internal/link", "internal/nft", "internal/node",
		"internal/testnet"}
	cniPackages = []string{"plugin", "e2e/cni"}
)

const demo = "e2e/demo"

// suites are all suites in their order: what is quick to fail comes first.
func suites(m module, o options) []suite {
	kernel := slices.Clone(kernelPackages)
	for _, p := range m {
		if strings.HasPrefix(p.short(), "e2e/") && p.short() != demo &&
			!slices.Contains(cniPackages, p.short()) {
			kernel = append(kernel, p.short())
		}
	}
	units := m.tested(slices.Concat(lintPackages, kernel, cniPackages, []string{demo})...)
	return []suite{
		{name: "lint", steps: []step{
			command("gofmt", noOutput, "gofmt", "-l", "."),
			command("go vet", anyOutput, "go", "vet", "./..."),
			goTest(true, append([]string{"-count=1"}, paths(lintPackages)...)...),
		}},
		{name: "unit", steps: []step{
			goTest(true, append([]string{"-race", "-count=1"}, units...)...),
		}},
		{name: "agree", show: regexp.MustCompile(`disagreements`), steps: []step{
			goTest(false, "-run", "Agree", "-count=1", "-v", "./policy", "./internal/..."),
		}},
		{name: "fuzz", steps: []step{fuzz(m.tested(), o.fuzzTime)}},
		// Tests that measure what the kernel does, one package after the other: two cores
		// are not enough for two.
		{name: "kernel", steps: []step{
			goTest(true, append([]string{"-count=1", "-p=1"}, paths(kernel)...)...),
		}},
		{name: "cni", steps: []step{
			goTest(true, append([]string{"-race", "-count=1", "-p=1"}, paths(cniPackages)...)...),
		}},
		{name: "demo", show: regexp.MustCompile(`observed`), steps: []step{
			command("demo", outputWith("observed == expected"), "go", "run", "./"+demo),
			goTest(true, "-count=1", "./"+demo),
		}},
	}
}

func paths(short []string) []string {
	var out []string
	for _, s := range short {
		out = append(out, "./"+s)
	}
	return out
}

// run takes the steps one by one and prints what happened on the way.
func (s suite) run(w io.Writer) *report {
	fmt.Fprintf(w, "\n== %s\n", s.name)
	r := &report{name: s.name, show: s.show, progress: w}
	start := time.Now()
	for _, step := range s.steps {
		step(r)
	}
	r.seconds = time.Since(start).Seconds()
	r.judge()
	r.printProblems(w)
	return r
}
