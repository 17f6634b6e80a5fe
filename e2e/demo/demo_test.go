// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// machine is a network namespace that plays the machine: an untouched network, in which the
// demo runs and must leave nothing.
type machine struct {
	demo string // the built program
	pid  int
}

func newMachine(t *testing.T) machine {
	t.Helper()
	m := machine{demo: program}
	sleep := exec.Command("sleep", "600")
	sleep.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		sleep.Process.Kill()
		sleep.Wait()
	})
	m.pid = sleep.Process.Pid
	return m
}

// program is the built demo.
var program string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

// buildAndRun builds while there is a network: a machine of the tests has none.
func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bulkhead-demo")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "demo")
	for _, arguments := range [][]string{{"go", "build", "-o", program, "."}, {program, "-build"}} {
		cmd := exec.Command(arguments[0], arguments[1:]...)
		if out, err := cmd.CombinedOutput(); err != nil {
			os.Stderr.Write(out)
			return 1
		}
	}
	return m.Run()
}

// inside is a command on the machine.
func (m machine) inside(arguments ...string) *exec.Cmd { return inNetNS(m.pid, arguments...) }

func inNetNS(pid int, arguments ...string) *exec.Cmd {
	net := "--net=/proc/" + strconv.Itoa(pid) + "/ns/net"
	return exec.Command("nsenter", append([]string{net}, arguments...)...)
}

// untouched checks that the machine is as it was born.
func (m machine) untouched(t *testing.T) {
	t.Helper()
	if got := output(t, m.inside("nft", "list", "ruleset")); got != "" {
		t.Errorf("rules left on the machine:\n%s", got)
	}
	links := strings.TrimSpace(output(t, m.inside("ip", "-oneline", "link")))
	if strings.Count(links, "\n") > 0 || !strings.Contains(links, " lo: ") {
		t.Errorf("links left on the machine:\n%s", links)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(mounts, []byte("/run/demo")) {
		t.Errorf("mounts left on the machine:\n%s", mounts)
	}
}

func run(t *testing.T, arguments ...string) string {
	t.Helper()
	return output(t, exec.Command(arguments[0], arguments[1:]...))
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, out, &complaint)
	}
	return string(out)
}

// told is what the demo says, with an agent and without.
var told = []string{
	"132 of 132 probes pass",
	"web     -> db  cut: last echo",
	"api     -> db  goes on:",
	"backup  -> db  goes on:",
	"nft list ruleset: empty",
}

func TestDemo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arguments     []string
		told, silence []string
	}{
		"agent": {nil, []string{"documents are in force", "ms after the rename",
			"$ kill -9", "probes end as the policies say, without any process of ours",
			"it found nothing to change", "backup  -> db  cut: last echo",
			"$ bulkheadctl denials", "$ bulkheadctl suggest", "kind: NetworkPolicy"},
			[]string{"bulkheadctl apply"}},
		"daemonless": {[]string{"-daemonless"}, []string{"$ bulkheadctl apply",
			"ms after apply began"}, []string{"bulkheadd agent"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			start := time.Now()
			arguments := append([]string{m.demo}, c.arguments...)
			out := strings.TrimRight(output(t, m.inside(arguments...)), "\n")
			t.Logf("%s\n%s", time.Since(start).Round(time.Millisecond), out)
			last := out[strings.LastIndex(out, "\n")+1:]
			if !strings.Contains(last, "observed == expected") {
				t.Errorf("last line: got %q, want observed == expected", last)
			}
			for _, want := range append(c.told, told...) {
				if !strings.Contains(out, want) {
					t.Errorf("output lacks %q", want)
				}
			}
			for _, unwanted := range c.silence {
				if strings.Contains(out, unwanted) {
					t.Errorf("output has %q", unwanted)
				}
			}
			m.untouched(t)
		})
	}
}

// standing is a demo that holds.
type standing struct {
	cmd   *exec.Cmd
	enter io.WriteCloser
	stage int // the process in the stage's namespaces
	lines *bufio.Scanner
	log   *bytes.Buffer
}

var stagePID = regexp.MustCompile(`--net=/proc/(\d+)/ns/net`)

func (m machine) stand(t *testing.T) *standing {
	t.Helper()
	s := &standing{cmd: m.inside(m.demo, "-hold"), log: &bytes.Buffer{}}
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if s.enter, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	})
	s.lines = bufio.NewScanner(out)
	for s.lines.Scan() {
		if found := stagePID.FindStringSubmatch(s.lines.Text()); found != nil {
			s.stage, _ = strconv.Atoi(found[1])
			return s
		}
	}
	t.Fatalf("the demo ended before it stood: %v\n%s", s.cmd.Wait(), s.log)
	return nil
}

// end reads to the end and checks that the demo found nothing wrong.
func (s *standing) end(t *testing.T) {
	t.Helper()
	last := ""
	for s.lines.Scan() {
		last = s.lines.Text()
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("exit: %v\n%s", err, s.log)
	}
	if !strings.Contains(last, "observed == expected") {
		t.Errorf("last line: got %q, want observed == expected", last)
	}
}

func TestRulesetIsReadableWhileTheDemoStands(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	s := m.stand(t)
	listing := output(t, inNetNS(s.stage, "nft", "list", "ruleset"))
	for _, want := range []string{
		"table ip bulkhead", "table ip6 bulkhead", "table bridge bulkhead",
		"NetworkPolicy shop/db", "NetworkPolicy shop/web", "SegmentationPolicy host-closed",
		"Segment operations", "NetworkPolicy default/default-deny",
	} {
		if !strings.Contains(listing, want) {
			t.Errorf("nft list ruleset lacks %q", want)
		}
	}
	path := filepath.Join(t.TempDir(), "listing.nft")
	if err := os.WriteFile(path, []byte(listing), 0o600); err != nil {
		t.Fatal(err)
	}
	again := run(t, "unshare", "--net", "sh", "-c", "nft -f "+path+" && nft list ruleset")
	if got, want := unclocked(again), unclocked(listing); got != want {
		t.Errorf("loaded back, the listing differs:\n%s\nwant\n%s", got, want)
	}
	if _, err := io.WriteString(s.enter, "\n"); err != nil {
		t.Fatal(err)
	}
	s.end(t)
	m.untouched(t)
}

var remaining = regexp.MustCompile(` expires \w+`)

// unclocked takes the time out of which elements of dynamic sets have left.
func unclocked(listing string) string { return remaining.ReplaceAllString(listing, "") }

func TestSignals(t *testing.T) {
	t.Parallel()
	t.Run("SIGTERM", func(t *testing.T) {
		t.Parallel()
		m := newMachine(t)
		s := m.stand(t)
		if err := s.cmd.Process.Signal(unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		s.end(t)
		m.untouched(t)
	})
	t.Run("SIGKILL", func(t *testing.T) {
		t.Parallel()
		m := newMachine(t)
		s := m.stand(t)
		if err := s.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		s.cmd.Wait()
		end := time.Now().Add(10 * time.Second)
		for unix.Kill(s.stage, 0) == nil {
			if time.Now().After(end) {
				t.Fatal("the stage outlived the demo")
			}
			time.Sleep(20 * time.Millisecond)
		}
		m.untouched(t)
	})
}
