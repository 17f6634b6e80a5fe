// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sample is at how many system calls of a phase an agent is killed when not at every one.
const sample = 8

// TestThreat113AgentEveryCall kills the agent at system calls of its start, of an attachment and
// of an edit of policies. Closed doors stay closed throughout, an open one open; the next agent
// makes the kernel follow, and in the end nothing is left.
func TestThreat113AgentEveryCall(t *testing.T) {
	s := newSite(t)
	s.mountState(t)
	s.strangers = append(s.strangers, "slot0") // the one that comes and goes
	s.proveProbes(t)
	s.closeBase(t)
	s.startAgent(t)
	for _, name := range []string{"vault", "friend", "intruder"} {
		s.mustAdd(t, name)
	}
	stop := make(chan struct{})
	var probes sync.WaitGroup
	doors := s.knock(t, stop, &probes)

	nothing := func() {}
	s.killPhase(t, phase{"start", nothing, nothing, nothing})
	s.killPhase(t, phase{"attach", nothing,
		func() { s.plugin("ADD", "slot0").run(0) },
		func() { s.plugin("DEL", "slot0").works(t) }})
	also := "slot2"
	s.killPhase(t, phase{"edit",
		func() { also = map[string]string{"slot2": "slot3", "slot3": "slot2"}[also] },
		func() {
			s.writePolicies(t, also)
			s.ask(applyRequest, nil, patience)
		}, nothing})

	close(stop)
	probes.Wait()
	s.settle(t)
	s.report(t, doors)
	s.agent.terminate(t)
	s.leaveNothing(t)
}

// phase is what an agent does while it is killed. prepare comes before an agent, and repair is for
// the one after the kill, which is ready.
type phase struct {
	name                 string
	prepare, act, repair func()
}

// killPhase runs agents that are killed at one system call after the other. The site's own agent
// rests meanwhile.
func (s *site) killPhase(t *testing.T, p phase) {
	t.Helper()
	calls := s.killAgentAt(t, p, 0)
	first, step := 1, 1
	if !*everyCall {
		step = max(1, calls/sample)
		first += rand.IntN(step)
	}
	kills := 0
	for n := first; n <= calls && !t.Failed(); n += step {
		s.killAgentAt(t, p, n)
		kills++
	}
	t.Logf("agent, %s: killed at %d of %d system calls, from the %dth every %dth", p.name, kills,
		calls, first, step)
	if calls < 10 || kills < 5 {
		t.Errorf("%s: only %d system calls and %d kills", p.name, calls, kills)
	}
}

// killAgentAt runs an agent that is killed at the n-th system call of a phase that counts, if it
// makes that many, and sees to it that the next agent finds everything as it should be. It returns
// how many there were.
func (s *site) killAgentAt(t *testing.T, p phase, n int) int {
	t.Helper()
	s.agent.kill()
	p.prepare()
	var counting atomic.Bool
	counting.Store(p.name == "start")
	o := s.agentOperation()
	o.drive = func(pid int, ended <-chan struct{}) {
		for s.missing() != "" {
			select {
			case <-ended:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
		if counting.CompareAndSwap(false, true) {
			p.act()
		}
		counting.Store(false)
		select {
		case <-ended:
		default:
			unix.Kill(pid, unix.SIGTERM)
		}
	}
	calls, _, _ := o.runKilled(t, n, func(call uint64) bool {
		return counting.Load() && (*everyCall || changes[call])
	})
	pause()
	s.agent = s.launch(t)
	s.awaitReady(t, s.agent)
	p.repair()
	s.wantNoDrift(t)
	return calls
}
