// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agent"
	"github.com/bulkhead-net/bulkhead/internal/agentapi"
)

// process is a running "bulkheadd agent" in the site's network namespace.
type process struct {
	*exec.Cmd
	site *site
	log  *logged
	once sync.Once
	done chan error
}

// logged is a log that is read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (s *site) socket() string { return filepath.Join(s.options.StateDir, "agent.sock") }

// denials is where the site's agent keeps its records.
func (s *site) denials() string {
	return filepath.Join(filepath.Dir(s.options.StateDir), "denials")
}

// closedBase is what a node with this site's networks writes into its configuration, so that all
// of it is closed before any container exists.
const closedBase = "base: {interfaces: [br0, br1], prefixes: [veth-]}\n"

// places are the flags by which every program of the product finds the site's directories.
func (s *site) flags() []string {
	return []string{"--state-dir", s.options.StateDir, "--policy-dir", s.options.PolicyDir}
}

// configured writes the agent's configuration file and returns the flag that names it.
func (s *site) configured(t testing.TB, text string) []string {
	t.Helper()
	path := filepath.Join(filepath.Dir(s.options.StateDir), "bulkheadd.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--config", path}
}

// launch starts an agent and does not wait for it. Words in front of it are a program that starts
// it with less rights than it needs.
func (s *site) launch(t testing.TB, config string, front ...string) *process {
	t.Helper()
	line := append(front, program(t, "bulkheadd"), "agent")
	line = append(append(line, s.flags()...), s.configured(t, config)...)
	line = append(line, "--denials-dir", s.denials())
	p := &process{Cmd: exec.Command(line[0], line[1:]...), site: s, log: &logged{},
		done: make(chan error, 1)}
	p.Stdout, p.Stderr = p.log, p.log
	var err error
	s.Do(func() { err = p.Start() })
	if err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.Wait() }()
	t.Cleanup(func() {
		p.end(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("agent %d said:\n%s", p.Process.Pid, p.log)
		}
	})
	return p
}

// startAgent runs an agent that is ready.
func (s *site) startAgent(t testing.TB, config string) *process {
	t.Helper()
	p := s.launch(t, config)
	s.await(t, "agent is ready", func() bool { return len(s.lacks(t)) == 0 })
	return p
}

// end sends a signal and waits for the death of the agent.
func (p *process) end(with syscall.Signal) (err error) {
	p.once.Do(func() {
		if err = p.Process.Signal(with); errors.Is(err, os.ErrProcessDone) {
			err = nil
		}
		err = errors.Join(err, <-p.done)
	})
	return err
}

// ended waits for an agent that goes by itself.
func (p *process) ended(t testing.TB) (err error) {
	t.Helper()
	p.once.Do(func() {
		select {
		case err = <-p.done:
		case <-time.After(20 * time.Second):
			t.Error("agent: does not end")
			err = errors.Join(p.Process.Kill(), <-p.done)
		}
	})
	return err
}

// await polls until something has happened and returns how long that took.
func (s *site) await(t testing.TB, what string, happened func() bool) time.Duration {
	t.Helper()
	for began := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		if happened() {
			return time.Since(began)
		}
		if time.Since(began) > 15*time.Second {
			t.Fatalf("%s: not within 15 s", what)
		}
	}
}

// ask sends a request to the site's agent and reads the result into v.
func (s *site) ask(t testing.TB, r agentapi.Request, v any) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	reply, err := agentapi.Call(ctx, s.socket(), r)
	if err != nil || v == nil {
		return err
	}
	return reply.Decode(v)
}

func (s *site) must(t testing.TB, r agentapi.Request) {
	t.Helper()
	if err := s.ask(t, r, nil); err != nil {
		t.Fatalf("%s: %v", r.Verb, err)
	}
}

// lacks is what the agent is not ready for; one that does not answer lacks everything.
func (s *site) lacks(t testing.TB) []string {
	t.Helper()
	var r agentapi.Ready
	if err := s.ask(t, agentapi.Request{Verb: agentapi.VerbReady}, &r); err != nil {
		return []string{err.Error()}
	}
	return r.Missing
}

func (s *site) summary(t testing.TB) agent.Summary {
	t.Helper()
	var v agent.Summary
	if err := s.ask(t, agentapi.Request{Verb: agentapi.VerbStatus}, &v); err != nil {
		t.Fatalf("status: %v", err)
	}
	return v
}

// repaired does damage and returns how long it took until the agent had found and repaired it.
func (s *site) repaired(t testing.TB, what string, damage func()) time.Duration {
	t.Helper()
	before := s.summary(t).Repairs
	began := time.Now()
	damage()
	s.await(t, what+" is repaired", func() bool { return s.summary(t).Repairs > before })
	return time.Since(began)
}

// ctl runs bulkheadctl on the site's node.
func (s *site) ctl(t testing.TB, words ...string) (string, error) {
	t.Helper()
	out, err := s.Command("", program(t, "bulkheadctl"), append(words, s.flags()...)...)
	if err != nil {
		err = fmt.Errorf("bulkheadctl %s: %w", strings.Join(words, " "), err)
	}
	return out, err
}

// edit replaces the documents in one step, as whoever a process watches should.
func (s *site) edit(t testing.TB, text string) {
	t.Helper()
	path := filepath.Join(s.options.PolicyDir, "test.yaml")
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}
