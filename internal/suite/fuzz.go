// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

var fuzzName = regexp.MustCompile(`^Fuzz\w+$`)

// target is a fuzz function of a package.
type target struct{ pkg, name string }

// fuzz asks every package for its targets and runs each for a while. A target counts as a test.
func fuzz(packages []string, d time.Duration) step {
	return func(r *report) {
		args := append([]string{"test", "-json", "-list", "^Fuzz"}, packages...)
		out, err := exec.Command("go", args...).Output()
		if err != nil {
			r.problem("list fuzz targets", err.Error()+"\n"+string(out))
			return
		}
		targets, err := fuzzTargets(out)
		if err != nil {
			r.problem("list fuzz targets", err.Error())
		}
		for _, t := range targets {
			r.line("%s for %s", t.name, d)
			untilEnded(r, goTest(true, "-run=^$", "-fuzz=^"+t.name+"$", "-fuzztime="+d.String(),
				"-fuzzminimizetime=1x", t.pkg))
		}
	}
}

// fuzzAttempts bounds how often a target runs that was not ended in time.
const fuzzAttempts = 3

// untilEnded runs a fuzz target again when the tool itself did not end it in time: on a busy
// machine go test calls its own time limit a failure of the target. A failing input is never run
// away from: the tool says where it has written one.
func untilEnded(r *report, fuzz step) {
	for attempt := 1; ; attempt++ {
		trial := newReport(r.name, r.progress)
		fuzz(trial)
		if attempt == fuzzAttempts || !endedLate(trial) {
			r.merge(trial)
			return
		}
		r.line("not ended in time, once more")
	}
}

// endedLate tells whether the time limit is all that failed.
func endedLate(r *report) bool {
	late := false
	for _, p := range r.problems {
		if strings.Contains(p.output, "Failing input written") {
			return false
		}
		for text := range strings.Lines(p.output) {
			late = late || strings.TrimSpace(text) == "context deadline exceeded"
		}
	}
	return late
}

// fuzzTargets reads the names that go test -list printed.
func fuzzTargets(events []byte) ([]target, error) {
	var out []target
	err := readEvents(bytes.NewReader(events), func(e event) {
		if name := strings.TrimSpace(e.Output); fuzzName.MatchString(name) {
			out = append(out, target{e.Package, name})
		}
	})
	return out, err
}
