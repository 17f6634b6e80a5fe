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
			goTest(true, "-run=^$", "-fuzz=^"+t.name+"$", "-fuzztime="+d.String(),
				"-fuzzminimizetime=1x", t.pkg)(r)
		}
	}
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
