// SPDX-License-Identifier: Apache-2.0

package base_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agent"
	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

func (m *machine) socket() string { return filepath.Join(m.dir, "state", "agent.sock") }

// own makes the machine's node an agent's that is not running.
func (m *machine) own(t *testing.T) {
	t.Helper()
	n := m.open(t)
	err := n.Own(node.Ownership{Socket: m.socket(), PID: 42, Started: time.Now()})
	if err := errors.Join(err, n.Close()); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) open(t *testing.T) *node.Node {
	t.Helper()
	n, err := node.Open(t.Context(), node.Options{StateDir: filepath.Join(m.dir, "state"),
		PolicyDir: filepath.Join(m.dir, "no-policies"), NetNS: m.net.FD(), Agent: true})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// agent runs one on the machine until the function returned is called.
func (m *machine) agent(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- agent.Run(ctx, agent.Options{Socket: m.socket(),
			Node: node.Options{StateDir: filepath.Join(m.dir, "state"), PolicyDir: t.TempDir(),
				NetNS: m.net.FD()}})
	}()
	for {
		_, err := agentapi.Call(ctx, m.socket(), agentapi.Request{Verb: agentapi.VerbReady})
		if err == nil {
			break
		}
		if !errors.Is(err, agentapi.ErrDown) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// hang answers nothing on the agent's socket until the test ends.
func (m *machine) hang(t *testing.T) {
	t.Helper()
	s, err := agentapi.Listen(t.Context(), agentapi.Options{Socket: m.socket(),
		StopTime: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, sleeper{}) }()
	t.Cleanup(func() { cancel(); <-done })
}

type sleeper struct{}

func (sleeper) Handle(ctx context.Context, _ agentapi.Request) (any, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestBaseOfALivingAgent: what the agent has already is no failure, and nothing else is changed.
func TestBaseOfALivingAgent(t *testing.T) {
	m := newMachine(t)
	if code, _, errs := m.base(t, "--interface", "br0"); code != 0 {
		t.Fatalf("before: got %d, %q", code, errs)
	}
	stop := m.agent(t)
	if code, out, errs := m.base(t, "--interface", "br0"); code != 0 ||
		!strings.Contains(out, "unchanged: closed are interfaces br0") {
		t.Errorf("the same: got %d, %q, %q, want 0 and no change", code, out, errs)
	}
	code, out, errs := m.base(t, "--prefix", "link-")
	if code != 1 || out != "" {
		t.Errorf("another: got %d, %q, want a refusal", code, out)
	}
	for _, word := range []string{m.socket(), "section base", "SIGHUP"} {
		if !strings.Contains(errs, word) {
			t.Errorf("another: got %q, want %q in it", errs, word)
		}
	}
	m.probe(t, "10.1.0.3:80", testnet.ErrTimeout)
	stop()
	if code, _, errs := m.base(t, "--prefix", "link-"); code != 0 {
		t.Errorf("stopped: got %d, %q, want 0", code, errs)
	}
	m.probe(t, "10.1.0.3:80", nil)
}

// TestBaseOfADeadAgent closes what it should: nobody else does.
func TestBaseOfADeadAgent(t *testing.T) {
	m := newMachine(t)
	m.own(t)
	m.probe(t, "10.1.0.3:80", nil)
	if code, _, errs := m.base(t, "--interface", "br0"); code != 0 {
		t.Errorf("got %d, %q, want 0", code, errs)
	}
	m.probe(t, "10.1.0.3:80", testnet.ErrTimeout)
	if _, owned, err := node.Owner(filepath.Join(m.dir, "state")); !owned || err != nil {
		t.Errorf("owner: got %t, %v, want the node still owned", owned, err)
	}
}

// TestBaseOfASilentAgent: one that starts has the lock and no socket, one that hangs both.
func TestBaseOfASilentAgent(t *testing.T) {
	for name, silent := range map[string]func(*machine, *testing.T){
		"starts": func(*machine, *testing.T) {}, "hangs": (*machine).hang,
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.own(t)
			n := m.open(t)
			defer n.Close()
			silent(m, t)
			code, out, errs := m.base(t, "--interface", "br0")
			if code != 1 || out != "" || !strings.Contains(errs, m.socket()) {
				t.Errorf("got %d, %q, %q, want a refusal that names the agent", code, out, errs)
			}
			m.probe(t, "10.1.0.3:80", nil)
		})
	}
}
