// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agent"
)

// The rules do not need the agent that made them: killed, it leaves every verdict as it was, and
// the next one finds nothing to change.
func TestThreat080(t *testing.T) {
	s := newSite(t)
	f := s.unprotected(t)
	s.policies(t, peace)
	p := s.startAgent(t, closedBase)
	s.add(t)
	before := s.summary(t)
	s.run(t, f, everyWay())
	began := time.Now()
	time.Sleep(time.Second)
	if err := p.end(syscall.SIGKILL); err == nil {
		t.Error("agent: ended by itself, want it killed")
	}
	time.Sleep(7 * time.Second)
	s.startAgent(t, closedBase)
	time.Sleep(time.Second)
	f.halt()
	f.open(t, "agent killed", allowedWays)
	f.closed(t, "agent killed", deniedWays, began)
	t.Logf("%d allowed and %d denied datagrams in %v", f.total(allowedWays), f.total(deniedWays),
		time.Since(began))
	after := s.summary(t)
	if after.Generation != before.Generation || after.Repairs != 0 {
		t.Errorf("next agent: got generation %d and %d repairs, want %d and none", after.Generation,
			after.Repairs, before.Generation)
	}
}

// A container that starts while the agent is down has no network, or one that nothing passes.
func TestThreat082(t *testing.T) {
	s := newSite(t)
	f := s.unprotected(t)
	s.policies(t, peace)
	p := s.startAgent(t, closedBase)
	s.add(t, "b", "c", "d", "e", "f")
	_ = p.end(syscall.SIGKILL)
	s.run(t, f, everyWay())
	began := time.Now()
	late := append([]way{{"a", "b"}}, deniedWays...)

	s.refuses(t, 50, "STATUS", "a", nil, "down")
	s.refuses(t, 11, "ADD", "a", nil, "down")
	time.Sleep(300 * time.Millisecond)
	f.closed(t, "after an ADD that failed", late, began)
	if code, words := s.plugin(t, "ADD", "a", object{"onAgentDown": "quarantine"}); code != 0 {
		t.Fatalf("ADD in quarantine: got code %d, %s", code, words)
	}
	s.refuses(t, 51, "STATUS", "a", nil, "down")
	time.Sleep(300 * time.Millisecond)
	f.closed(t, "in quarantine", late, began)

	s.startAgent(t, closedBase)
	s.arrives(t, f, []way{{"a", "b"}}, time.Now())
	f.halt()
	f.open(t, "meanwhile", []way{{"f", "e"}})
	f.closed(t, "meanwhile", deniedWays, began)
	if got := s.summary(t).Endpoints[agent.EndpointEnforced]; got != len(members) {
		t.Errorf("enforced: got %d endpoints, want %d", got, len(members))
	}
}

// arrives waits until every stream of the ways has come through after a moment.
func (s *site) arrives(t testing.TB, f *traffic, ways []way, after time.Time) time.Duration {
	t.Helper()
	for _, one := range f.of(ways) {
		s.await(t, one.String()+" arrives", func() bool {
			n, _ := f.since(one, after)
			return n > 0
		})
	}
	return time.Since(after)
}

// A node boots: the unit that closes its networks comes first, then containers, then the agent.
// Nothing passes until rules are in, and then only what policy allows.
func TestThreat083(t *testing.T) {
	s := newSite(t)
	f := s.unprotected(t)
	s.policies(t, peace)
	s.Run(t, program(t, "bulkheadd"), append(append([]string{"base"}, s.flags()...),
		s.configured(t, closedBase)...)...)
	s.run(t, f, everyWay())
	began := time.Now()
	time.Sleep(300 * time.Millisecond)
	f.closed(t, "before any container is known", everyWay(), began)
	s.refuses(t, 11, "ADD", "a", nil, "down")
	for _, name := range members {
		code, words := s.plugin(t, "ADD", name, object{"onAgentDown": "quarantine"})
		if code != 0 {
			t.Fatalf("ADD %s before the agent: got code %d, %s", name, code, words)
		}
	}
	time.Sleep(300 * time.Millisecond)
	f.closed(t, "before the agent", everyWay(), began)
	starts := time.Now()
	s.startAgent(t, closedBase)
	took := s.arrives(t, f, allowedWays, starts)
	t.Logf("allowed ways are open %v after the agent was started", took)
	f.halt()
	f.closed(t, "boot", deniedWays, began)
	s.run(t, f, everyWay())
	time.Sleep(300 * time.Millisecond)
	f.halt()
	f.open(t, "agent runs", allowedWays)
	f.closed(t, "agent runs", deniedWays, began)
}

// Two agents never work at a time: the second waits and changes nothing. Told to stop, the first
// hands over without losing a packet or letting one through.
func TestThreat100(t *testing.T) {
	s := newSite(t)
	f := s.unprotected(t)
	s.policies(t, peace)
	first := s.startAgent(t, closedBase)
	s.add(t)
	before, epoch := s.summary(t), s.epoch(t)
	s.run(t, f, everyWay())
	began := time.Now()
	second := s.launch(t, closedBase)
	time.Sleep(2 * time.Second)
	if now := s.summary(t); now.Started != before.Started || now.Repairs > 0 {
		t.Errorf("two agents: got an answer of %+v, want one of %+v", now, before)
	}
	if err := first.end(syscall.SIGTERM); err != nil {
		t.Errorf("first agent: got %v, want an orderly end", err)
	}
	took := s.await(t, "the second agent is ready", func() bool { return len(s.lacks(t)) == 0 })
	t.Logf("handed over in %v", took)
	time.Sleep(500 * time.Millisecond)
	f.halt()
	f.open(t, "upgrade", allowedWays)
	f.closed(t, "upgrade", deniedWays, began)
	after := s.summary(t)
	if after.Started == before.Started || after.Generation != before.Generation ||
		after.Repairs > 0 || s.epoch(t) != epoch {
		t.Errorf("second agent: got %+v, epoch %q, want another with generation %d, epoch %q", after,
			s.epoch(t), before.Generation, epoch)
	}
	s.await(t, "metrics of the second agent", func() bool {
		return s.figure(t, "bulkhead_ready") == 1
	})
	if err := second.end(syscall.SIGTERM); err != nil {
		t.Errorf("second agent: got %v, want an orderly end", err)
	}
}
