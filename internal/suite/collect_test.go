// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// recorded feeds what go test -json of Go 1.26 printed for small packages to a report.
func recorded(t *testing.T, demand bool, names ...string) *report {
	t.Helper()
	r := newReport("recorded", io.Discard)
	for _, name := range names {
		data, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if err := collect(r, demand, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
	}
	r.judge()
	return r
}

func TestRecorded(t *testing.T) {
	const m = "example.test/m/"
	for name, want := range map[string]struct {
		packages, passed, skipped int
		problems                  []string // title, and a part of the output
	}{
		"good":   {1, 3, 0, nil},
		"skip":   {1, 1, 1, []string{"skipped: " + m + "skip TestSkipped", "not today"}},
		"empty":  {0, 0, 0, []string{"no test ran: " + m + "empty", "no tests to run"}},
		"none":   {0, 0, 0, []string{"no test ran: " + m + "none", "no test files"}},
		"panics": {1, 1, 0, []string{m + "panics TestPanics", "panic: oh no"}},
		"nested": {1, 2, 0, []string{m + "nested TestInner/bad", "got 1, want 2",
			m + "nested TestOuter", "after the subtests"}},
		"quits":  {1, 1, 0, []string{m + "quits", "FAIL"}},
		"leaves": {1, 0, 0, []string{m + "leaves TestLeaves", "unexpected call to os.Exit"}},
		"broken": {0, 0, 0, []string{m + "broken", "build failed",
			"build " + m + "broken [" + m + "broken.test]", "undefined: undefined"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := recorded(t, true, name)
			if len(r.packages) != want.packages || r.passed != want.passed ||
				r.skipped != want.skipped || len(r.problems) != len(want.problems)/2 {
				t.Fatalf("got %d packages, %d passed, %d skipped, problems %v, want %+v",
					len(r.packages), r.passed, r.skipped, r.problems, want)
			}
			for i, p := range r.problems {
				if p.title != want.problems[2*i] ||
					!strings.Contains(p.output, want.problems[2*i+1]) {
					t.Errorf("problem: got %+v, want %q", p, want.problems[2*i:2*i+2])
				}
			}
		})
	}
}

// TestCutShort takes a recording away at every line: whatever is missing, it must not pass.
func TestCutShort(t *testing.T) {
	data, err := os.ReadFile("testdata/good.json")
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	for n := range len(lines) - 1 {
		r := newReport("suite", io.Discard)
		if err := collect(r, true, bytes.NewReader(bytes.Join(lines[:n], nil))); err != nil {
			t.Fatal(err)
		}
		r.judge()
		if len(r.problems) == 0 {
			t.Errorf("the first %d lines: got no problem, want one", n)
		}
	}
}

func TestEmptySuite(t *testing.T) {
	for _, names := range [][]string{nil, {"empty"}, {"none", "empty"}} {
		r := recorded(t, false, names...)
		if len(r.problems) != 1 || !strings.HasPrefix(r.problems[0].title, "empty suite") {
			t.Errorf("%v: got %v, want an empty suite", names, r.problems)
		}
	}
	if r := recorded(t, false, "empty", "good"); len(r.problems) != 0 {
		t.Errorf("one of two packages: got %v, want none", r.problems)
	}
}

func TestNotAnEvent(t *testing.T) {
	for _, text := range []string{"panic: oh no\n", "{}\n", "FAIL", `{"Action":"pass"`} {
		r := newReport("suite", io.Discard)
		if err := collect(r, true, strings.NewReader(text)); err == nil {
			t.Errorf("%q: got no error, want one", text)
		}
	}
}

func TestTitlesAndNotes(t *testing.T) {
	var b bytes.Buffer
	r := newReport("suite", &b)
	r.show = regexp.MustCompile("disagreements")
	data, err := os.ReadFile("testdata/good.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := collect(r, true, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	want := []string{"TestOne", "TestTable", "TestTable/S1.1_first", "TestTable/second"}
	if !reflect.DeepEqual(r.titles, want) {
		t.Errorf("titles: got %v, want %v", r.titles, want)
	}
	if got := strings.Count(b.String(), "seed 7: 10 decisions, 0 disagreements"); got != 1 {
		t.Errorf("notes: got %d of the line, want 1: %s", got, &b)
	}
}

func TestFuzzTargets(t *testing.T) {
	got, err := fuzzTargets([]byte(`{"Action":"output","Package":"m/a","Output":"FuzzOne\n"}
{"Action":"output","Package":"m/a","Output":"ok  \tm/a\t0.1s\n"}
{"Action":"output","Package":"m/b","Output":"FuzzTwo\n"}
{"Action":"pass","Package":"m/b"}
`))
	want := []target{{"m/a", "FuzzOne"}, {"m/b", "FuzzTwo"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("targets: got %v, %v, want %v", got, err, want)
	}
}
