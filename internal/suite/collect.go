// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
)

// outcome is how a test or a package ended; empty while it runs.
type outcome struct {
	action  string
	output  strings.Builder
	elapsed float64
}

// packageRun is what one go test said about one package.
type packageRun struct {
	outcome
	name  string
	order []string // tests as they began
	tests map[string]*outcome
}

// collector turns events into a report.
type collector struct {
	report *report
	// demand makes a package in which no test ran a failure.
	demand bool
	runs   map[string]*packageRun
	order  []string
	builds map[string]*strings.Builder
}

func newCollector(r *report, demand bool) *collector {
	return &collector{report: r, demand: demand, runs: map[string]*packageRun{},
		builds: map[string]*strings.Builder{}}
}

func (c *collector) run(name string) *packageRun {
	if c.runs[name] == nil {
		c.runs[name] = &packageRun{name: name, tests: map[string]*outcome{}}
		c.order = append(c.order, name)
	}
	return c.runs[name]
}

func (c *collector) add(e event) {
	if e.ImportPath != "" && e.Package == "" {
		if c.builds[e.ImportPath] == nil {
			c.builds[e.ImportPath] = &strings.Builder{}
		}
		c.builds[e.ImportPath].WriteString(e.Output)
		return
	}
	p := c.run(e.Package)
	at := &p.outcome
	if e.Test != "" {
		if p.tests[e.Test] == nil {
			p.tests[e.Test] = &outcome{}
			p.order = append(p.order, e.Test)
		}
		at = p.tests[e.Test]
	}
	switch e.Action {
	case "output":
		at.output.WriteString(e.Output)
	case "pass", "fail", "skip":
		at.action, at.elapsed = e.Action, e.Elapsed
		if e.Test == "" {
			c.finishPackage(p)
		}
	}
}

// finish counts the packages that never ended, and tells why builds failed.
func (c *collector) finish() {
	for _, name := range c.order {
		if p := c.runs[name]; p.action == "" {
			c.finishPackage(p)
		}
	}
	// A package that imports a broken one fails too, and the cause is told once.
	for name, text := range c.builds {
		if strings.TrimSpace(text.String()) != "" && c.failedBuild() {
			c.report.problem("build "+shortName(name), text.String())
		}
	}
}

func (c *collector) failedBuild() bool {
	return slices.ContainsFunc(c.order, func(n string) bool { return c.runs[n].action != "pass" })
}

// finishPackage counts the tests of a package that have no subtests, and every test with
// subtests that failed though none of them did.
func (c *collector) finishPackage(p *packageRun) {
	r, ran := c.report, 0
	before := len(r.problems)
	parents, broken := p.ancestors()
	for _, name := range p.order {
		t := p.tests[name]
		if t.action == "pass" {
			r.titles = append(r.titles, name)
		}
		if parents[name] && t.action == "pass" || broken[name] {
			r.note(t.output.String())
			continue
		}
		ran++
		switch t.action {
		case "pass":
			r.passed++
			r.note(t.output.String())
		case "fail":
			r.problem(shortName(p.name)+" "+name, t.output.String())
		case "skip":
			r.skipped++
			r.problem("skipped: "+shortName(p.name)+" "+name, t.output.String())
		default:
			r.problem("never ended: "+shortName(p.name)+" "+name, t.output.String())
		}
	}
	c.judgePackage(p, ran, len(r.problems) > before)
	if ran > 0 {
		r.packages[p.name] = true
		r.line("%-4s %-24s %6d tests %8.1f s", p.action, shortName(p.name), ran, p.elapsed)
	}
}

// judgePackage looks at how the package as a whole ended: a panic outside tests, a race at exit
// and a broken build fail no test.
func (c *collector) judgePackage(p *packageRun, ran int, told bool) {
	text := p.output.String()
	switch {
	case p.action == "":
		c.report.problem("never ended: "+shortName(p.name), text)
	case p.action == "fail" && told:
		c.report.note(text)
	case p.action == "fail":
		c.report.problem(shortName(p.name), text)
	case ran == 0 && c.demand:
		c.report.problem("no test ran: "+shortName(p.name), text)
	}
}

// ancestors are the tests that have subtests, and those of them that failed with a subtest.
func (p *packageRun) ancestors() (all, broken map[string]bool) {
	all, broken = map[string]bool{}, map[string]bool{}
	for name, t := range p.tests {
		for i, r := range name {
			if r != '/' {
				continue
			}
			all[name[:i]] = true
			parent := p.tests[name[:i]]
			if t.action != "pass" && t.action != "skip" && parent != nil &&
				parent.action == "fail" {
				broken[name[:i]] = true
			}
		}
	}
	return all, broken
}
