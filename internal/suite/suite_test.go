// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/clauses"
)

func TestSummary(t *testing.T) {
	var b bytes.Buffer
	good, bad := recorded(t, true, "good"), recorded(t, true, "skip", "nested")
	good.name, bad.name = "one", "two"
	passed, failed := printSummary(&b, []*report{good, bad})
	if passed != 6 || failed != 3 {
		t.Errorf("summary: got %d passed, %d failed, want 6 and 3", passed, failed)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if got := lines[len(lines)-1]; got != "6 passed, 3 failed" {
		t.Errorf("last line: got %q, want %q", got, "6 passed, 3 failed")
	}
	for _, want := range [][]string{{"one", "1", "3", "3", "0", "0", "0.0"},
		{"two", "2", "6", "3", "2", "1", "0.0"}} {
		found := false
		for _, line := range lines {
			found = found || reflect.DeepEqual(strings.Fields(line), want)
		}
		if !found {
			t.Errorf("summary: got %s, want a row %v", &b, want)
		}
	}
}

func TestSummaryNamesFailures(t *testing.T) {
	var b bytes.Buffer
	bad := recorded(t, true, "skip", "nested")
	bad.name = "two"
	bad.problem("pkg TestLong", "=== RUN   TestLong\n    a_test.go:7: first\n    b_test.go:8: "+
		strings.Repeat("x", 300)+"\n    a_test.go:9: third\n    a_test.go:10: fourth\n")
	printSummary(&b, []*report{recorded(t, true, "good"), bad})
	_, brief, _ := strings.Cut(b.String(), "seconds")
	for _, p := range bad.problems {
		if !strings.Contains(brief, "two: "+p.title+"\n") {
			t.Errorf("summary: got %s, want %q named", brief, p.title)
		}
	}
	for text, want := range map[string]bool{"a_test.go:7: first": true, "a_test.go:9: third": true,
		"a_test.go:10: fourth": false, strings.Repeat("x", 201): false} {
		if strings.Contains(brief, text) != want {
			t.Errorf("summary: got %s, want %q: %t", brief, text, want)
		}
	}
	bad.problems = make([]problem, 20)
	b.Reset()
	bad.printBrief(&b)
	if !strings.HasSuffix(b.String(), "two: 12 more\n") {
		t.Errorf("brief: got %s, want an end that counts the rest", &b)
	}
}

func TestFuzzIsRunAgainWhenEndedLate(t *testing.T) {
	const late = "    --- FAIL: FuzzX (4.11s)\n        context deadline exceeded\n"
	for name, c := range map[string]struct {
		outputs     []string // of each run; empty for one that passes
		passed, bad int
		runs        int
	}{
		"passes":           {[]string{""}, 1, 0, 1},
		"late once":        {[]string{late, ""}, 1, 0, 2},
		"late always":      {[]string{late, late, late, ""}, 0, 1, 3},
		"fails":            {[]string{"    x_test.go:1: wrong\n", ""}, 0, 1, 1},
		"fails and late":   {[]string{late + "    Failing input written to testdata/x\n", ""}, 0, 1, 1},
		"late, then fails": {[]string{late, "    panic\n", ""}, 0, 1, 2},
	} {
		r, runs := newReport("fuzz", io.Discard), 0
		untilEnded(r, func(trial *report) {
			if output := c.outputs[runs]; output != "" {
				trial.problem("pkg FuzzX", output)
			} else {
				trial.passed++
			}
			runs++
		})
		if r.passed != c.passed || len(r.problems) != c.bad || runs != c.runs {
			t.Errorf("%s: got %d passed, %d failed in %d runs, want %d, %d, %d", name, r.passed,
				len(r.problems), runs, c.passed, c.bad, c.runs)
		}
	}
}

func TestProblemsAreInFull(t *testing.T) {
	var b bytes.Buffer
	recorded(t, true, "panics").printProblems(&b)
	for _, want := range []string{"--- FAIL recorded: example.test/m/panics TestPanics\n",
		"    panic: oh no", "    goroutine ", "panics/a_test.go:6"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("problems: got %s, want %q", &b, want)
		}
	}
}

func TestCommand(t *testing.T) {
	for name, c := range map[string]struct {
		accept func(string) string
		script string
		fails  bool
	}{
		"succeeds":          {anyOutput, "echo x", false},
		"fails":             {anyOutput, "echo x; exit 3", true},
		"silent":            {noOutput, "true", false},
		"not silent":        {noOutput, "echo x", true},
		"says so":           {outputWith("a == b"), "echo 'so: a == b'", false},
		"does not say so":   {outputWith("a == b"), "echo a; echo b", true},
		"says so and fails": {outputWith("a == b"), "echo 'a == b'; false", true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReport("suite", io.Discard)
			command("step", c.accept, "sh", "-c", c.script)(r)
			if got := len(r.problems) == 1; got != c.fails || r.passed+len(r.problems) != 1 {
				t.Errorf("got %d passed, problems %v, want failure %v", r.passed, r.problems, c.fails)
			}
		})
	}
}

// TestGoTest runs the real tool on a module of its own: what it prints must still be what was
// recorded.
func TestGoTest(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":    "module example.test/m\n\ngo 1.26\n",
		"a_test.go": "package m\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { t.Log(1) }\n",
		"bad/a_test.go": "package bad\n\nimport \"testing\"\n\n" +
			"func TestA(t *testing.T) { t.Skip() }\n",
		"broken/a_test.go": "package broken\n\nvar x int = \"\"\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for _, c := range []struct {
		name, pattern string
		passed, bad   int
	}{{"good", ".", 1, 0}, {"skip", "./bad", 0, 1}, {"build", "./broken", 0, 2},
		{"no such package", "./absent", 0, 2}, {"flag", "-no-such-flag", 0, 1}} {
		r := newReport("suite", io.Discard)
		goTest(true, "-count=1", c.pattern)(r)
		if r.passed != c.passed || len(r.problems) != c.bad {
			t.Errorf("%s: got %d passed, problems %+v, want %d and %d", c.name, r.passed,
				r.problems, c.passed, c.bad)
		}
	}
}

func TestChoose(t *testing.T) {
	all := suites(nil, options{})
	some, err := choose(all, []string{"kernel", "lint"})
	if err != nil || len(some) != 2 || some[0].name != "lint" || some[1].name != "kernel" {
		t.Errorf("choose: got %v, %v, want lint and kernel", some, err)
	}
	if _, err := choose(all, []string{"kernal"}); err == nil ||
		!strings.Contains(err.Error(), "kernel") {
		t.Errorf("choose: got %v, want an error that names the suites", err)
	}
}

func TestCheckPackages(t *testing.T) {
	t.Chdir("../..")
	m, err := listModule()
	if err != nil {
		t.Fatal(err)
	}
	bare := pkg{ImportPath: modulePath + "/internal/bare", Name: "bare"}
	for name, c := range map[string]struct {
		m    module
		want []string
	}{
		"not covered":     {module{bare}, []string{"package internal/bare"}},
		"user is absent":  {m.only("internal/randpolicy"), []string{"package internal/randpolicy"}},
		"user imports it": {m.only("internal/randpolicy", "internal/compile"), nil},
		"has tests":       {m.only("policy"), nil},
	} {
		r := newReport("suite", io.Discard)
		checkPackages(r, c.m)
		var got []string
		for _, p := range r.problems {
			got = append(got, p.title)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// only is the module with some packages; a missing one is a fault of the test.
func (m module) only(names ...string) module {
	var out module
	for _, name := range names {
		p, ok := m.find(name)
		if !ok {
			panic("no package " + name)
		}
		out = append(out, p)
	}
	return out
}

func TestCheckClauses(t *testing.T) {
	var titles []string
	for _, chapter := range clauses.Chapters() {
		for _, c := range chapter.Clauses {
			titles = append(titles, "TestClauses/"+c.ID+"_some_case")
		}
	}
	r := newReport("suite", io.Discard)
	checkClauses(r, nil, titles)
	if len(r.problems) != 0 || r.passed != len(titles) {
		t.Errorf("all: got %d passed, problems %v, want %d", r.passed, r.problems, len(titles))
	}
	r = newReport("suite", io.Discard)
	checkClauses(r, nil, titles[1:])
	if len(r.problems) != 1 || r.problems[0].title != "clause S0.1" {
		t.Errorf("all but one: got %v, want clause S0.1", r.problems)
	}
}
