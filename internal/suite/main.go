// SPDX-License-Identifier: Apache-2.0

// Suite runs the suites of this module in order and says what ran. It believes nothing that it
// has not seen: a skipped test, a suite or package in which no test ran, a test that never
// ended, and a package that no suite covers are failures like any other.
//
//	go run ./internal/suite [-fuzztime d] [SUITE...]
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

type options struct {
	fuzzTime time.Duration
	names    []string
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("suite", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.DurationVar(&o.fuzzTime, "fuzztime", 4*time.Second, "how long each fuzz target runs")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	o.names = flags.Args()
	m, err := listModule()
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	chosen, err := choose(suites(m, o), o.names)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	reports := make([]*report, len(chosen))
	for i, s := range chosen {
		reports[i] = s.run(stdout)
	}
	if len(o.names) == 0 {
		reports = append(reports, whole(m, reports, stdout))
	}
	if _, failed := printSummary(stdout, reports); failed > 0 {
		return 1
	}
	return 0
}

// choose picks suites by name, in their own order; no names are all.
func choose(all []suite, names []string) ([]suite, error) {
	var known []string
	for _, s := range all {
		known = append(known, s.name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("suite %q: known are %s", name, strings.Join(known, ", "))
		}
	}
	if len(names) == 0 {
		return all, nil
	}
	return slices.DeleteFunc(all, func(s suite) bool {
		return !slices.Contains(names, s.name)
	}), nil
}
