// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agent"
	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// run is "bulkheadd agent" with arguments, as the site's. The channel has its exit code.
func (s *site) run(t *testing.T, arguments ...string) (stop func(), code <-chan int) {
	t.Helper()
	program := cli.Program{Name: "bulkheadd",
		Commands: []cli.Command{agent.Command(s.net.FD())}}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	ended := make(chan int, 1)
	go func() {
		ended <- program.Run(ctx, append([]string{"agent"}, arguments...), cli.Streams{
			In: &bytes.Buffer{}, Out: s.log, Err: s.log})
	}()
	return cancel, ended
}

// configure writes the configuration file: the site's places, and what else is said.
func (s *site) configure(t *testing.T, stateDir, more string) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(s.options.Node.PolicyDir), "bulkheadd.yaml")
	text := fmt.Sprintf("agent:\n  stateDir: %s\n  policyDir: %s\n  metrics: unix:%s\n%s", stateDir,
		s.options.Node.PolicyDir, s.metricsSocket(), more)
	if !strings.Contains(text, "denials:") {
		text += "denials: {enabled: false}\n"
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s *site) metricsSocket() string {
	return filepath.Join(filepath.Dir(s.options.Node.PolicyDir), "metrics.sock")
}

// notifications are what a service manager hears.
func notifications(t *testing.T) *lockedBuffer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	heard := &lockedBuffer{}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			fmt.Fprintf(heard, "%s\n", b[:n])
		}
	}()
	return heard
}

// A file with faults ends the start, with every fault and its place.
func TestFaultyConfigurationEndsTheStart(t *testing.T) {
	s := newSite(t)
	file := s.configure(t, s.options.Node.StateDir, "  resinc: 30s\n  logLevel: loud\n")
	_, ended := s.run(t, "--config", file)
	select {
	case code := <-ended:
		if code != 1 {
			t.Errorf("exit code: got %d, want 1", code)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("runs with a faulty configuration")
	}
	for _, want := range []string{file + `:5:3: unknown key "resinc"; did you mean "resync"?`,
		file + `:6:13: found "loud"`} {
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("got %q, want %q in it", s.log, want)
		}
	}
	if _, owned, err := node.Owner(s.options.Node.StateDir); owned || err != nil {
		t.Errorf("owner: got %v, %v, want none", owned, err)
	}
}

// hangup makes the agent read its configuration again and waits until it has said something.
func (s *site) hangup(t *testing.T, says string) {
	t.Helper()
	before := len(s.log.String())
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.await(t, says, func() bool { return strings.Contains(s.log.String()[before:], says) })
}

// SIGHUP takes a good file and keeps everything under a bad one; the service manager hears of each.
func TestReconfigure(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	heard := notifications(t)
	state := s.options.Node.StateDir
	file := s.configure(t, state, "")
	stop, ended := s.run(t, "--config", file)
	s.await(t, "ready", func() bool { return len(s.ready(t).Missing) == 0 })
	s.await(t, "READY=1", func() bool { return strings.Contains(heard.String(), "READY=1") })
	s.reach(t, "x", bAt, nil)

	s.configure(t, state, "base: {interfaces: [br0], kind: [veth]}\n")
	s.hangup(t, file+`:5:27: unknown key \"kind\"`)
	s.configure(t, state+"2", "base: {interfaces: [br0]}\n")
	s.hangup(t, "restart the agent to change it")
	s.reach(t, "x", bAt, nil)
	if strings.Contains(s.log.String(), "level=DEBUG") {
		t.Error("log: got level debug before it was configured")
	}

	s.configure(t, state, "  resync: 1s\n  logLevel: debug\nbase: {interfaces: [br0]}\n")
	s.hangup(t, "configuration was read again")
	s.reaches(t, "base", "x", bAt, testnet.ErrTimeout)
	const resyncs = `bulkhead_task_duration_seconds_count{outcome="ok",task="kernel"}`
	at := s.metric(t, resyncs)
	s.await(t, "two resyncs", func() bool { return s.metric(t, resyncs) >= at+2 })
	s.write(t, "b.yaml", onlyAReachesB)
	s.attach(t, "b")
	if !strings.Contains(s.log.String(), "level=DEBUG") {
		t.Errorf("log: got no level debug after it was configured")
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
	const reloading = `(RELOADING=1\nMONOTONIC_USEC=\d{6,}\nREADY=1\n(WATCHDOG=1\n)*)`
	want := regexp.MustCompile(`^(WATCHDOG=1\n)*READY=1\n(WATCHDOG=1\n)*` + reloading +
		`{3}STOPPING=1\n$`)
	s.await(t, "STOPPING=1", func() bool { return strings.Contains(heard.String(), "STOPPING") })
	if got := heard.String(); !want.MatchString(got) || !strings.Contains(got, "WATCHDOG=1\n") {
		t.Errorf("notifications: got %q, want %s", got, want)
	}
}

// --release gives a node back to processes that come and go, and is refused by a living agent.
func TestRelease(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	file := s.configure(t, s.options.Node.StateDir, "")
	stop := s.start(t)
	s.write(t, "b.yaml", onlyAReachesB)
	s.attach(t, "a", "b", "x")
	_, ended := s.run(t, "--config", file, "--release")
	select {
	case code := <-ended:
		t.Fatalf("release from a living agent: exit code %d, want it to wait for the lock", code)
	case <-time.After(500 * time.Millisecond):
	}
	if _, err := node.Open(t.Context(), s.options.Node); !errors.Is(err, node.ErrOwned) {
		t.Errorf("before: got %v, want %v", err, node.ErrOwned)
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
	n, err := node.Open(t.Context(), s.options.Node)
	if err != nil {
		t.Fatalf("after: %v", err)
	}
	if got := len(n.Attachments()); got != 3 {
		t.Errorf("attachments: got %d, want 3", got)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	s.reach(t, "a", bAt, nil)
	s.reach(t, "x", bAt, testnet.ErrTimeout)
}
