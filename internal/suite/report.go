// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"strings"
	"text/tabwriter"
)

const modulePath = "github.com/bulkhead-net/bulkhead"

// shortName is a package as people call it.
func shortName(name string) string { return strings.TrimPrefix(name, modulePath+"/") }

// problem is one reason to fail, with everything that was printed about it.
type problem struct{ title, output string }

// report is what became of one suite.
type report struct {
	name     string
	packages map[string]bool // those in which a test ran
	passed   int
	skipped  int
	seconds  float64
	problems []problem
	titles   []string       // tests that passed
	show     *regexp.Regexp // output of passed tests that is worth reading
	progress io.Writer
}

func newReport(name string, progress io.Writer) *report {
	return &report{name: name, packages: map[string]bool{}, progress: progress}
}

func (r *report) problem(title, output string) {
	r.problems = append(r.problems, problem{title, output})
}

// failed counts problems other than skips. Each skip is a problem of its own, so that one can
// be told from the other and both fail the run.
func (r *report) failed() int { return len(r.problems) - r.skipped }

// merge adds what became of a part of the suite.
func (r *report) merge(part *report) {
	maps.Copy(r.packages, part.packages)
	r.passed += part.passed
	r.skipped += part.skipped
	r.problems = append(r.problems, part.problems...)
	r.titles = append(r.titles, part.titles...)
}

func (r *report) line(format string, args ...any) {
	fmt.Fprintf(r.progress, "  "+format+"\n", args...)
}

// note prints the lines of an output that the suite wants to show.
func (r *report) note(output string) {
	for text := range strings.Lines(output) {
		if r.show != nil && r.show.MatchString(text) {
			r.line("%s", strings.TrimSpace(text))
		}
	}
}

// judge adds what can only be seen at the end: that nothing was tested at all.
func (r *report) judge() {
	if r.passed+len(r.problems) == 0 {
		r.problem("empty suite: "+r.name, "no test ran\n")
	}
}

func (r *report) printProblems(w io.Writer) {
	for _, p := range r.problems {
		fmt.Fprintf(w, "\n--- FAIL %s: %s\n", r.name, p.title)
		for text := range strings.Lines(p.output) {
			fmt.Fprintf(w, "    %s\n", strings.TrimSuffix(text, "\n"))
		}
	}
}

// The bounds of a problem told in brief.
const (
	briefProblems = 8 // of one suite
	briefLines    = 3 // of one problem
)

// printBrief names the problems, with the lines that a test wrote by t.Error or t.Fatal.
func (r *report) printBrief(w io.Writer) {
	for i, p := range r.problems {
		if i == briefProblems {
			fmt.Fprintf(w, "\n%s: %d more\n", r.name, len(r.problems)-i)
			return
		}
		fmt.Fprintf(w, "\n%s: %s\n", r.name, p.title)
		shown := 0
		for text := range strings.Lines(p.output) {
			if shown < briefLines && located.MatchString(text) {
				fmt.Fprintf(w, "    %.200s\n", strings.TrimSpace(text))
				shown++
			}
		}
	}
}

// located finds the lines that the testing package began with a file and a line.
var located = regexp.MustCompile(`^\s+[\w.-]+\.go:\d+: `)

func (r *report) row() string {
	return fmt.Sprintf("%s\t%d\t%d\t%d\t%d\t%d\t%.1f", r.name, len(r.packages),
		r.passed+len(r.problems), r.passed, r.failed(), r.skipped, r.seconds)
}

// printSummary names what failed once more, since whoever keeps only the end of a long output needs
// just that, and ends with the line "N passed, N failed", in which a skip is a failure.
func printSummary(w io.Writer, reports []*report) (passed, failed int) {
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "suite\tpackages\ttests\tpassed\tfailed\tskipped\tseconds\t")
	for _, r := range reports {
		fmt.Fprintln(table, r.row()+"\t")
		passed += r.passed
		failed += len(r.problems)
	}
	table.Flush()
	for _, r := range reports {
		r.printBrief(w)
	}
	fmt.Fprintf(w, "\n%d passed, %d failed\n", passed, failed)
	return passed, failed
}
