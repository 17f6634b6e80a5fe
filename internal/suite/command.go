// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// step is one thing that a suite does. It writes what it found into the report.
type step func(*report)

// goTest runs go test -json with the arguments. With demand, a package without tests that ran
// is a failure.
func goTest(demand bool, args ...string) step {
	return func(r *report) {
		cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		events, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			r.problem("go test", err.Error())
			return
		}
		readErr := collect(r, demand, events)
		io.Copy(io.Discard, events) // lets go test end after a line that cannot be read
		if err := cmd.Wait(); err != nil && len(r.problems) == 0 || readErr != nil {
			r.problem("go test "+strings.Join(args, " "),
				fmt.Sprintf("%v\n%s", errors.Join(readErr, err), stderr.String()))
		}
	}
}

// collect adds a stream of events to the report.
func collect(r *report, demand bool, events io.Reader) error {
	c := newCollector(r, demand)
	err := readEvents(events, c.add)
	c.finish()
	return err
}

// command runs a program that counts as one test. It passes when the program succeeds and the
// output is accepted; accept returns what is wrong with it.
func command(title string, accept func(output string) string, argv ...string) step {
	return func(r *report) {
		out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
		wrong := accept(string(out))
		if err != nil {
			wrong = err.Error()
		}
		if wrong != "" {
			r.line("fail %s", title)
			r.problem(title, strings.Join(argv, " ")+": "+wrong+"\n"+string(out))
			return
		}
		r.passed++
		r.line("pass %s", title)
		r.note(string(out))
	}
}

func anyOutput(string) string { return "" }

func noOutput(output string) string {
	if strings.TrimSpace(output) != "" {
		return "got output, want none"
	}
	return ""
}

func outputWith(want string) func(string) string {
	return func(output string) string {
		for line := range strings.Lines(output) {
			if strings.Contains(line, want) {
				return ""
			}
		}
		return fmt.Sprintf("got no line with %q", want)
	}
}
