// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// manager is as much of a service manager as a unit of Type=notify needs: it starts the unit's
// command with what the unit leaves it, and hears what that says.
type manager struct {
	heard *net.UnixConn
	cmd   *exec.Cmd
}

// startAgentUnit runs the command of the agent's unit in a namespace. What belongs to the machine
// is moved to the test's by the configuration file that arguments name.
func startAgentUnit(t *testing.T, n *testnet.Net, arguments ...string) *manager {
	t.Helper()
	line := values(read(t, agentUnit), "ExecStart")
	if len(line) != 2 || line[0] != installedBin || line[1] != "agent" {
		t.Fatalf("ExecStart: got %q, want %s agent", line, installedBin)
	}
	line[0] = build(t, "bulkheadd")
	line = append(confinement(t, agentUnit, "-all,+net_admin,+lease"), line...)
	line = append(line, arguments...)
	path := filepath.Join(t.TempDir(), "notify")
	heard, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { heard.Close() })
	m := &manager{heard: heard, cmd: exec.Command(line[0], line[1:]...)}
	m.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+path)
	var log bytes.Buffer
	m.cmd.Stdout, m.cmd.Stderr = &log, &log
	n.Do(func() { err = m.cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.cmd.Process.Kill()
		m.cmd.Wait()
		if t.Failed() {
			t.Logf("log of the agent:\n%s", &log)
		}
	})
	return m
}

// await reads notifications until one has a line, and returns the lines before it.
func (m *manager) await(t *testing.T, want string, patience time.Duration) (before []string) {
	t.Helper()
	b := make([]byte, 4096)
	if err := m.heard.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for {
		n, err := m.heard.Read(b)
		if err != nil {
			t.Fatalf("notifications: got %q and %v, want %q", before, err, want)
		}
		lines := strings.Split(string(b[:n]), "\n")
		if slices.Contains(lines, want) {
			return before
		}
		before = append(before, lines...)
	}
}

// seconds is a time of a unit.
func seconds(t *testing.T, unit, key string) time.Duration {
	t.Helper()
	v := values(unit, key)
	if len(v) != 1 {
		t.Fatalf("%s: got %q, want one value", key, v)
	}
	n, err := strconv.Atoi(v[0])
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n) * time.Second
}

// TestAgentUnit lives through a unit's life with as few rights as the unit gives: start, watchdog,
// reload, stop. It closes the host, and stays closed when the unit is stopped.
func TestAgentUnit(t *testing.T) {
	unit := read(t, agentUnit)
	n := testnet.New(t)
	n.Bridge(t, "br0", "10.1.0.1/24")
	a, b := n.AddContainer(t, "a"), n.AddContainer(t, "b")
	n.AttachBridged(t, a, "br0", testnet.Plug{Addresses: []string{"10.1.0.2/24"}})
	n.AttachBridged(t, b, "br0", testnet.Plug{Addresses: []string{"10.1.0.3/24"}})
	b.Serve(t, "tcp", 80)
	if err := a.Dial("tcp", "10.1.0.3:80", 0); err != nil {
		t.Fatalf("before: %v", err)
	}
	file, socket := agentFiles(t)
	m := startAgentUnit(t, n, "--config", file)
	m.await(t, "READY=1", 20*time.Second)
	if err := a.Dial("tcp", "10.1.0.3:80", 0); !errors.Is(err, testnet.ErrTimeout) {
		t.Errorf("started: got %v, want %v", err, testnet.ErrTimeout)
	}
	reply, err := agentapi.Call(t.Context(), socket, agentapi.Request{Verb: agentapi.VerbReady})
	var ready agentapi.Ready
	if err == nil {
		err = reply.Decode(&ready)
	}
	if err != nil || len(ready.Missing) > 0 {
		t.Errorf("ready: got %v, %v, want nothing missing", ready.Missing, err)
	}
	start := time.Now()
	m.await(t, "WATCHDOG=1", seconds(t, unit, "WatchdogSec")/2)
	t.Logf("watchdog after %v", time.Since(start))

	reload := values(unit, "ExecReload")
	for i := range reload {
		reload[i] = strings.ReplaceAll(reload[i], "$MAINPID", strconv.Itoa(m.cmd.Process.Pid))
	}
	if out, err := exec.Command(reload[0], reload[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", reload, err, out)
	}
	m.await(t, "RELOADING=1", 5*time.Second)
	m.await(t, "READY=1", 5*time.Second)

	if err := m.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	m.await(t, "STOPPING=1", seconds(t, unit, "TimeoutStopSec"))
	if err := m.cmd.Wait(); err != nil {
		t.Errorf("exit: %v", err)
	}
	if err := a.Dial("tcp", "10.1.0.3:80", 0); !errors.Is(err, testnet.ErrTimeout) {
		t.Errorf("stopped: got %v, want %v", err, testnet.ErrTimeout)
	}
	for _, key := range []string{"ExecStop", "ExecStopPost"} {
		if got := values(unit, key); len(got) > 0 {
			t.Errorf("%s: got %q, want nothing to happen to rules", key, got)
		}
	}
}

// agentFiles is a configuration with a policy of root and one that another user owns, and
// the socket that it leads to.
func agentFiles(t *testing.T) (config, socket string) {
	t.Helper()
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	policies := filepath.Join(dir, "policies")
	if err := os.Mkdir(policies, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, uid := range map[string]int{"default-deny.yaml": 0, "host-closed.yaml": 12345} {
		text := read(t, filepath.Join("../docs/examples", name))
		path := filepath.Join(policies, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	config = filepath.Join(dir, "bulkheadd.yaml")
	text := fmt.Sprintf("agent: {stateDir: %s, policyDir: %s, metrics: off}\n"+
		"denials: {directory: %s}\nbase: {interfaces: [br0]}\n", state, policies,
		filepath.Join(dir, "denials"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config, filepath.Join(state, "agent.sock")
}
