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

// The packages of the suites that are not found by rule.
var (
	lintPackages = []string{"internal/arch", "internal/clauses"}
	cniPackages  = []string{"plugin", "e2e/cni"}
)

const (
	demo    = "e2e/demo"
	testnet = "internal/testnet"
)

// isKernel tells whether a package measures what the kernel does: it lies below e2e, or its
// tests make networks.
func isKernel(p pkg) bool {
	return strings.HasPrefix(p.short(), "e2e/") || p.short() == testnet ||
		slices.Contains(slices.Concat(p.TestImports, p.XTestImports), modulePath+"/"+testnet)
}

// suites are all suites in their order: what is quick to fail comes first.
func suites(m module, o options) []suite {
	named := slices.Concat(lintPackages, cniPackages, []string{demo})
	var kernel []string
	for _, p := range m {
		if p.hasTests() && isKernel(p) && !slices.Contains(named, p.short()) {
			kernel = append(kernel, p.short())
		}
	}
	units := m.tested(slices.Concat(named, kernel)...)
	return []suite{
		{name: "lint", steps: []step{
			command("gofmt", noOutput, "gofmt", "-l", "."),
			command("go vet", anyOutput, "go", "vet", "./..."),
			func(r *report) { checkPackages(r, m) },
			goTest(true, append([]string{"-count=1"}, paths(lintPackages)...)...),
		}},
		{name: "unit", steps: []step{
			goTest(true, append([]string{"-race", "-count=1"}, units...)...),
		}},
		{name: "agree", show: regexp.MustCompile(`disagreements`), steps: []step{
			goTest(false, "-run", "Agree", "-count=1", "-v", "./policy", "./internal/..."),
		}},
		{name: "fuzz", steps: []step{fuzz(m.tested(), o.fuzzTime)}},
		// One package after the other: with two cores, two would spoil each other's timing.
		{name: "kernel", steps: []step{
			goTest(true, append([]string{"-race", "-count=1", "-p=1"}, paths(kernel)...)...),
		}},
		{name: "cni", steps: []step{
			goTest(true, append([]string{"-race", "-count=1", "-p=1"}, paths(cniPackages)...)...),
		}},
		{name: "demo", show: regexp.MustCompile(`observed`), steps: []step{
			command("demo", outputWith("observed == expected"), "go", "run", "./"+demo),
			command("demo without an agent", outputWith("observed == expected"), "go", "run",
				"./"+demo, "-daemonless"),
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
	r := newReport(s.name, w)
	r.show = s.show
	start := time.Now()
	for _, step := range s.steps {
		step(r)
	}
	r.seconds = time.Since(start).Seconds()
	r.judge()
	r.printProblems(w)
	return r
}
