// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
)

// attended is a site with an agent, its state directory a small file system, with everybody
// attached, and probes on every closed door until the test ends.
func attended(t *testing.T, more ...string) *site {
	t.Helper()
	s := newSite(t)
	s.mountState(t)
	s.proveProbes(t)
	s.closeBase(t)
	s.startAgent(t, more...)
	s.populate(t)
	return s
}

// recovers demands that an agent is ready by itself, and has made up for what it could not do.
func (s *site) recovers(t *testing.T) {
	t.Helper()
	s.awaitReady(t, s.agent)
	s.wantNoDrift(t)
	s.plugin("ADD", "slot0").works(t)
	s.wantMatrix(t, s.wantEndpoints(t))
}

// TestAgentFullDisk: an edit that cannot be recorded is not done, and done as soon as it can be.
func TestAgentFullDisk(t *testing.T) {
	s := attended(t)
	filler := filepath.Join(s.stateDir, "filler")
	if err := os.WriteFile(filler, make([]byte, 8<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	const full = "no space left on device"
	s.writePolicies(t, "slot1")
	s.awaitMissing(t, "policies", full)
	s.plugin("ADD", "slot0").fails(t, full)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	s.recovers(t)
}

// TestAgentReadOnlyState: the same for a state directory that nobody can write. One that is laid
// over it is read-only whatever the agent has open.
func TestAgentReadOnlyState(t *testing.T) {
	s := attended(t)
	for _, flags := range []uintptr{unix.MS_BIND, unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY} {
		if err := unix.Mount(s.stateDir, s.stateDir, "", flags, ""); err != nil {
			t.Fatalf("mount: %v", err)
		}
	}
	const readOnly = "read-only file system"
	s.writePolicies(t, "slot1")
	s.awaitMissing(t, "policies", readOnly)
	s.plugin("ADD", "slot0").fails(t, readOnly)
	s.plugin("DEL", "slot1").fails(t, readOnly)
	if err := unix.Unmount(s.stateDir, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	s.recovers(t)
}

// TestAgentNoDescriptors: an agent that can open nothing any more keeps what is in force, and goes
// on when it can.
func TestAgentNoDescriptors(t *testing.T) {
	s := attended(t)
	pid := s.agent.cmd.Process.Pid
	var before unix.Rlimit
	limit := unix.Rlimit{Cur: uint64(s.agent.descriptors(t) + 2)}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	limit.Max = before.Max
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var crowd sync.WaitGroup
	for range 8 { // whoever asks nothing is sent away after a while, and comes again
		crowd.Go(func() { s.occupy(stop) })
	}
	const none = "too many open files"
	s.awaitLog(t, "nobody can be let in", none)
	s.writePolicies(t, "slot1")
	s.awaitLog(t, "failed, will try again", "task=policies", none)
	if s.missing() == "" {
		t.Error("agent without descriptors: got ready, want something missing")
	}
	pause()
	close(stop)
	crowd.Wait()
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &before, nil); err != nil {
		t.Fatal(err)
	}
	s.recovers(t)
}

// occupy holds a connection to the agent, and asks nothing.
func (s *site) occupy(stop <-chan struct{}) {
	for {
		address := &unix.SockaddrUnix{Name: s.agentSocket()}
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(fd, address)
		}
		select {
		case <-stop:
			unix.Close(fd)
			return
		case <-time.After(time.Second):
			unix.Close(fd)
		}
	}
}

// awaitLog waits for a line of the agents' log that has all the words.
func (s *site) awaitLog(t *testing.T, words ...string) {
	t.Helper()
	s.await(t, "log has "+strings.Join(words, " and "), func() bool {
		text, _ := os.ReadFile(s.agentLog())
		for line := range strings.Lines(string(text)) {
			has := true
			for _, w := range words {
				has = has && strings.Contains(line, w)
			}
			if has {
				return true
			}
		}
		return false
	})
}

// TestAgentHung: an agent that hangs, as one does whose netlink call never returns, is not acted
// for: its lock is held. Containers wait for it, and nothing is open meanwhile.
func TestAgentHung(t *testing.T) {
	s := attended(t)
	s.agent.signal(t, syscall.SIGSTOP)
	began := time.Now()
	var calls sync.WaitGroup
	for slot, down := range map[string]string{"slot0": "fail", "slot2": "quarantine"} {
		calls.Go(func() { s.pluginOr("ADD", slot, down).fails(t, tryAgain) })
	}
	calls.Wait()
	if d := time.Since(began); d > 35*time.Second {
		t.Errorf("ADD while the agent hangs: took %v, want the plugin's 30 s", d)
	}
	if err := s.ask(agentapi.Request{Verb: agentapi.VerbReady}, nil, time.Second); !errors.Is(err,
		agentapi.ErrTimeout) {
		t.Errorf("hanging agent: got %v, want no answer", err)
	}
	s.agent.signal(t, syscall.SIGCONT)
	s.plugin("DEL", "slot0").works(t)
	s.plugin("DEL", "slot2").works(t)
	s.recovers(t)
}

// TestAgentPolicyDirectory: a policy directory that goes away leaves what is in force, and one
// that comes in its place is followed.
func TestAgentPolicyDirectory(t *testing.T) {
	s := attended(t)
	away := s.policyDir + ".away"
	if err := os.Rename(s.policyDir, away); err != nil {
		t.Fatal(err)
	}
	s.awaitMissing(t, "policy directory")
	s.plugin("ADD", "slot0").fails(t, tryAgain, "policy directory")
	s.plugin("DEL", "slot1").works(t) // containers can always go
	s.plugin("DEL", "slot1").works(t)
	if err := os.Mkdir(s.policyDir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.writePolicies(t, "slot1")
	s.recovers(t)
	s.plugin("ADD", "slot1").works(t)

	// Removed for good while the agent is dead: it starts, and is not ready.
	if err := os.RemoveAll(s.policyDir); err != nil {
		t.Fatal(err)
	}
	s.agent.kill()
	s.agent = s.launch(t)
	s.awaitMissing(t, "policy directory")
	pause()
	if err := os.Rename(away, s.policyDir); err != nil {
		t.Fatal(err)
	}
	s.recovers(t)
}

// TestAgentDownHalfFile: whoever acts in the place of a dead agent cannot tell a policy file from
// one that is being written, so it leaves the policies as they were.
func TestAgentDownHalfFile(t *testing.T) {
	s := attended(t)
	s.agent.kill()
	path := filepath.Join(s.policyDir, "soak.yaml")
	writer, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	s.pluginOr("ADD", "slot0", "quarantine").works(t)
	s.plugin("DEL", "slot1").works(t)
	pause()
	writer.Close()
	s.writePolicies(t, "slot0")
	s.agent = s.launch(t)
	s.recovers(t)
}
