// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agent"
	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

// agentProcess is one `bulkheadd agent`.
type agentProcess struct {
	cmd     *exec.Cmd
	started time.Time
	ended   chan struct{}
	err     error // how it ended
}

var applyRequest = agentapi.Request{Verb: agentapi.VerbApply}

// patience is how long anything of an agent may take on a machine that is busy with the test.
const patience = 30 * time.Second

// denialsDir is where the agent keeps its records.
func (s *site) denialsDir() string { return filepath.Join(filepath.Dir(s.stateDir), "denials") }

func (s *site) agentSocket() string { return filepath.Join(s.stateDir, "agent.sock") }

// metricsSocket is where the agent's figures are.
func (s *site) metricsSocket() string { return filepath.Join(filepath.Dir(s.stateDir), "metrics") }

// agentLog is what all agents of the site have said.
func (s *site) agentLog() string { return filepath.Join(filepath.Dir(s.stateDir), "agent.log") }

func (s *site) agentOperation(more ...string) operation {
	return operation{site: s, name: "bulkheadd", args: append([]string{"agent", "--state-dir",
		s.stateDir, "--policy-dir", s.policyDir, "--denials-dir", s.denialsDir(), "--metrics",
		"off"}, more...)}
}

// launch starts an agent and does not wait for it.
func (s *site) launch(t *testing.T, more ...string) *agentProcess {
	t.Helper()
	o := s.agentOperation(more...)
	p := &agentProcess{cmd: exec.Command(filepath.Join(s.binaries, o.name), o.args...),
		ended: make(chan struct{}), started: time.Now()}
	log, err := os.OpenFile(s.agentLog(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p.cmd.Stderr = log
	s.net.Do(func() { err = p.cmd.Start() })
	if err != nil {
		t.Fatalf("agent: %v", err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p
}

// startAgent makes the node an agent's, which lives until the test ends.
func (s *site) startAgent(t *testing.T, more ...string) {
	t.Helper()
	s.agent, s.hasAgent = s.launch(t, more...), true
	t.Cleanup(func() {
		s.agent.kill()
		if t.Failed() {
			text, err := os.ReadFile(s.agentLog())
			t.Logf("end of the agents' log (%v):\n%s", err, text[max(0, len(text)-3000):])
		}
	})
	s.awaitReady(t, s.agent)
}

// kill is a kill -9.
func (p *agentProcess) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// terminate is how a service manager ends it.
func (p *agentProcess) terminate(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	select {
	case <-p.ended:
		if p.err != nil {
			t.Errorf("agent after SIGTERM: got %v, want exit 0", p.err)
		}
	case <-time.After(patience):
		t.Errorf("agent after SIGTERM: still runs after %v", patience)
		p.kill()
	}
}

func (p *agentProcess) signal(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Errorf("agent: %v: %v", signal, err)
	}
}

// ask sends a request and reads the result into v, which may be nil.
func (s *site) ask(r agentapi.Request, v any, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	reply, err := agentapi.Call(ctx, s.agentSocket(), r)
	if err != nil || v == nil {
		return err
	}
	return reply.Decode(v)
}

func (s *site) must(t *testing.T, r agentapi.Request, v any) {
	t.Helper()
	if err := s.ask(r, v, patience); err != nil {
		t.Errorf("%s: %v", r.Verb, err)
	}
}

// missing is what the agent lacks; one that does not answer lacks an answer.
func (s *site) missing() string {
	var r agentapi.Ready
	if err := s.ask(agentapi.Request{Verb: agentapi.VerbReady}, &r, time.Second); err != nil {
		return err.Error()
	}
	return strings.Join(r.Missing, "; ")
}

// awaitReady returns how long after its start an agent was ready.
func (s *site) awaitReady(t *testing.T, p *agentProcess) time.Duration {
	t.Helper()
	s.await(t, "agent is ready", func() bool { return s.missing() == "" })
	return time.Since(p.started)
}

// awaitMissing waits until the agent is not ready, for a reason that has all the words.
func (s *site) awaitMissing(t *testing.T, words ...string) {
	t.Helper()
	s.await(t, fmt.Sprintf("agent misses %q", words), func() bool {
		missing := s.missing()
		for _, w := range words {
			if !strings.Contains(missing, w) {
				return false
			}
		}
		return missing != ""
	})
}

// await polls until something is so, and fails the test if it is not for long.
func (s *site) await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for start := time.Now(); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > patience {
			log, _ := os.ReadFile(s.agentLog())
			lines := bytes.Split(log, []byte("\n"))
			t.Errorf("%s: not within %v; misses %q\n%s", what, patience, s.missing(),
				bytes.Join(lines[max(0, len(lines)-10):], []byte("\n")))
			return
		}
	}
}

// endpointID is the id of a container's attachment.
func (s *site) endpointID(name string) string {
	return endpoint.ID("soak-"+name, s.plugs[name].Interface)
}

// registered are the attachments on disk, by their ids.
func (s *site) registered(t *testing.T) map[string]endpoint.Attachment {
	t.Helper()
	all, corrupt, err := endpoint.OpenReadOnly(s.stateDir).All()
	if err != nil || len(corrupt) > 0 {
		t.Errorf("registry: %v, corrupt: %v", err, corrupt)
	}
	found := map[string]endpoint.Attachment{}
	for _, a := range all {
		found[a.Endpoint.ID] = a
	}
	return found
}

// wantNoDrift compares the kernel with what the policy directory and the registry say now, by the
// eyes of another process.
func (s *site) wantNoDrift(t *testing.T) {
	t.Helper()
	n, err := node.OpenReadOnly(node.Options{StateDir: s.stateDir, PolicyDir: s.policyDir,
		NetNS: s.net.FD()})
	if err != nil {
		t.Error(err)
		return
	}
	defer n.Close()
	drift, err := n.Verify(t.Context())
	if err != nil || len(drift) > 0 || n.PolicyError() != nil {
		t.Errorf("kernel: %d differences, %v, %v: %v", len(drift), err, n.PolicyError(), drift)
	}
}

// wantEndpoints compares what the agent knows with what is registered.
func (s *site) wantEndpoints(t *testing.T) map[string]endpoint.Attachment {
	t.Helper()
	var states []agent.EndpointState
	s.must(t, agentapi.Request{Verb: agentapi.VerbEndpoints}, &states)
	registered := s.registered(t)
	if len(states) != len(registered) {
		t.Errorf("endpoints: got %d, want the %d that are registered", len(states), len(registered))
	}
	for _, e := range states {
		want := agent.EndpointEnforced
		if registered[e.ID].Endpoint.Quarantine != nil {
			want = agent.EndpointQuarantined
		}
		if _, known := registered[e.ID]; !known || e.Standing != want ||
			e.Reason == endpoint.QuarantineAgentDown {
			t.Errorf("%s: got %q (%s), want %q", e.Name, e.Standing, e.Reason, want)
		}
	}
	return registered
}
