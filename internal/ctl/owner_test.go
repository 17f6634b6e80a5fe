// SPDX-License-Identifier: Apache-2.0

package ctl_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agent"
	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/denials"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

func (s *site) socket() string { return filepath.Join(s.options.StateDir, "agent.sock") }

// agent runs a real one on the site until the function returned is called, or the test ends.
func (s *site) agent(t *testing.T) (stop func()) {
	t.Helper()
	return s.agentWith(t, denials.Options{})
}

// agentWith is agent with an account of what is refused.
func (s *site) agentWith(t *testing.T, kept denials.Options) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	o := agent.Options{Node: s.options, Socket: s.socket(), Denials: kept}
	go func() { done <- agent.Run(ctx, o) }()
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		reply, err := agentapi.Call(ctx, s.socket(), agentapi.Request{Verb: agentapi.VerbReady})
		var ready agentapi.Ready
		if err == nil && reply.Decode(&ready) == nil && len(ready.Missing) == 0 {
			break
		}
		if time.Since(start) > 10*time.Second {
			t.Fatalf("agent: got %+v, %v after 10 s, want it ready", ready, err)
		}
	}
	ended := false
	stop = func() {
		cancel()
		if !ended {
			if err := <-done; err != nil {
				t.Errorf("agent: %v", err)
			}
		}
		ended = true
	}
	t.Cleanup(stop)
	return stop
}

// hold makes the site's node an agent's that never answers, and keeps its lock.
func (s *site) hold(t *testing.T) *node.Node {
	t.Helper()
	o := s.options
	o.Agent = true
	n, err := node.Open(t.Context(), o)
	if err == nil {
		t.Cleanup(func() { n.Close() })
		err = n.Own(node.Ownership{Socket: s.socket(), PID: 42, PolicyDir: o.PolicyDir})
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// hang is an agent that lives and answers nothing until the test ends. Its lock is free, so that
// only its silence keeps others from acting.
func (s *site) hang(t *testing.T) {
	t.Helper()
	if err := s.hold(t).Close(); err != nil {
		t.Fatal(err)
	}
	server, err := agentapi.Listen(t.Context(), agentapi.Options{Socket: s.socket(),
		StopTime: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	free := make(chan struct{})
	go func() { done <- server.Serve(ctx, stuck(free)) }()
	t.Cleanup(func() { close(free); cancel(); <-done })
}

// stuck is a handler that heeds no context.
type stuck chan struct{}

func (s stuck) Handle(context.Context, agentapi.Request) (any, error) {
	<-s
	return nil, errors.New("too late")
}

// wants fails the test unless a command ends with the code and its outputs hold the words.
func (s *site) wants(t *testing.T, code int, words []string, line ...string) result {
	t.Helper()
	r := s.run(t, line...)
	for _, word := range words {
		if r.code != code || !strings.Contains(r.out+r.err, word) {
			t.Errorf("%q: got %+v, want %d and %q", line, r, code, word)
		}
	}
	return r
}

// dial probes db's port 5432, once.
func (s *site) dial(t *testing.T, when, from string, want error) {
	t.Helper()
	if got := s.boxes[from].Dial("tcp", "10.1.0.3:5432", 0); !errors.Is(got, want) {
		t.Errorf("%s: %s to db: got %v, want %v", when, from, got, want)
	}
}

// lifecycle gives every order once and wants the kernel to follow. Each must say the words.
func (s *site) lifecycle(t *testing.T, words ...string) {
	t.Helper()
	for _, step := range []struct {
		line []string
		says string
		want error
	}{
		{[]string{"quarantine", "shop/db"}, "shop/db@eth0: in quarantine, closed to everybody\n",
			testnet.ErrTimeout},
		{[]string{"quarantine", "10.1.0.3", "--allow-from", "10.1.0.2,fd00:1::2"},
			"open to 10.1.0.2/32, fd00:1::2/128 alone", nil},
		{[]string{"release", "db-0"}, "shop/db@eth0: released, policy judges it again\n", nil},
		{[]string{"label", "shop/web", "app=other"}, "shop/web@eth0: labels app=other\n",
			testnet.ErrTimeout},
		{[]string{"label", "shop/web", "app=web", "tier=front"}, "labels app=web, tier=front\n", nil},
		{[]string{"label", "shop/web", "tier-"}, "labels app=web\n", nil},
		{[]string{"apply"}, ": nothing to change\n", nil},
	} {
		s.wants(t, 0, append([]string{step.says}, words...), step.line...)
		s.dial(t, strings.Join(step.line, " "), "web", step.want)
	}
}

// TestNodeOfAnAgent: the agent does what it is told, and after its death the command does.
func TestNodeOfAnAgent(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	s.boxes["db"].Serve(t, "tcp", 5432)
	s.lifecycle(t)
	stop := s.agent(t)
	s.lifecycle(t)
	if r := s.run(t, "apply"); r.err != "" {
		t.Errorf("apply: got %q, want no word about who did it", r.err)
	}
	if r := s.uninstall(t, "", "--yes"); r.code != 1 || !strings.Contains(r.err, s.socket()) {
		t.Errorf("uninstall: got %+v, want a refusal that names the socket", r)
	}
	stop()
	s.lifecycle(t, "agent is down", "doing it without the agent")
	late := filepath.Join(s.options.PolicyDir, "late.yaml")
	if err := os.WriteFile(late, []byte(`{apiVersion: policy.networking.k8s.io/v1alpha2,
  kind: ClusterNetworkPolicy, metadata: {name: late}, spec: {tier: Admin, priority: 1,
  subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}}`),
		0o600); err != nil {
		t.Fatal(err)
	}
	s.wants(t, 0, nil, "label", "shop/web", "tier=front")
	s.dial(t, "an order that is not about policies", "web", nil)
	s.wants(t, 0, []string{"judged once more"}, "apply")
	s.dial(t, "apply without the agent", "web", testnet.ErrTimeout)
	if err := os.Remove(late); err != nil {
		t.Fatal(err)
	}
	s.wants(t, 0, []string{"judged once more"}, "apply")
	if _, owned, err := node.Owner(s.options.StateDir); !owned || err != nil {
		t.Errorf("owner: got %t, %v, want the node still owned", owned, err)
	}
	s.agent(t)()
	if r := s.uninstall(t, "", "--yes"); r.code != 0 {
		t.Errorf("uninstall: got %+v, want 0", r)
	}
	s.wants(t, 0, []string{"generation"}, "apply")
}

// TestOrderToAnAgentRefuses says what the agent says, and what no agent is asked.
func TestOrderToAnAgentRefuses(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	s.agent(t)
	before := s.run(t, "render").out
	s.wants(t, 1, []string{`no endpoint "shop/nobody"`}, "quarantine", "shop/nobody")
	s.wants(t, 1, []string{`no endpoint "10.1.0.1"`}, "release", "10.1.0.1")
	s.wants(t, 1, []string{`no endpoint ""`}, "label", "", "a=b")
	r := s.answer(t, "", "apply", "--state-dir", s.options.StateDir, "--policy-dir", t.TempDir())
	if r.code != 2 || !strings.Contains(r.err, "agent that reads "+s.options.PolicyDir) {
		t.Errorf("other policies: got %+v, want a refusal", r)
	}
	if after := s.run(t, "render").out; after != before {
		t.Error("a refused command changed the ruleset")
	}
}

// TestPoliciesOfADeadAgent: its directory is the node's, whatever the default is.
func TestPoliciesOfADeadAgent(t *testing.T) {
	s := newSite(t)
	s.policies(t, "")
	s.attachAll(t)
	s.boxes["db"].Serve(t, "tcp", 5432)
	s.dial(t, "without policies", "batch", nil)
	s.policies(t, sitePolicies)
	s.agent(t)()
	for _, line := range [][]string{{"apply"}, {"quarantine", "shop/batch"},
		{"release", "shop/batch"}, {"label", "shop/web", "app=web"}} {
		r := s.answer(t, "", append(line, "--state-dir", s.options.StateDir)...)
		if r.code != 0 {
			t.Errorf("%q: got %+v, want 0", line, r)
		}
	}
	r := s.answer(t, "", "render", "--state-dir", s.options.StateDir)
	if want := s.run(t, "render").out; r.out != want || !strings.Contains(want, "shop/db") {
		t.Error("render: got other rules than those of the agent's policies")
	}
	s.wants(t, 0, []string{"nothing to change"}, "apply")
	s.dial(t, "at the end", "batch", testnet.ErrTimeout)
	r = s.answer(t, "", "apply", "--state-dir", s.options.StateDir, "--policy-dir", t.TempDir())
	if r.code != 2 {
		t.Errorf("other policies: got %+v, want 2", r)
	}
}

// TestAgentHangs: what changes something fails and changes nothing; what tells does without.
func TestAgentHangs(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	s.boxes["db"].Serve(t, "tcp", 5432)
	s.agentTime = 200 * time.Millisecond
	s.hang(t)
	before := s.run(t, "render").out
	for _, line := range [][]string{{"apply"}, {"quarantine", "shop/db"}, {"release", "shop/db"},
		{"label", "shop/db", "a=b"}} {
		began := time.Now()
		s.wants(t, 1, []string{"agent hangs or is busy", s.socket()}, line...)
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("%q: got an answer after %v, want no wait for the lock", line, d)
		}
	}
	s.reach(t, "after all that", nil)
	if after := s.run(t, "render").out; after != before {
		t.Error("a command that got no answer changed the ruleset")
	}
	s.wants(t, 1, []string{"agent      gives no answer", "endpoints  3 enforced"}, "status")
	s.wants(t, 0, []string{"read from the node itself", "shop/db@eth0"}, "endpoints")
	s.wants(t, 0, []string{"read from the node itself", "NetworkPolicy shop/db"}, "policies")
}

// TestAgentThatStarts has the lock before it answers: it is asked once more.
func TestAgentThatStarts(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	s.agent(t)()
	n := s.hold(t)
	s.wants(t, 1, []string{"asking it once more", "agent is down"}, "quarantine", "shop/db")
	done := make(chan result)
	go func() { done <- s.run(t, "quarantine", "shop/db") }()
	time.Sleep(500 * time.Millisecond) // the command has found nobody and waits for the lock
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if r := <-done; r.code != 0 || !strings.Contains(r.out, "in quarantine") {
		t.Errorf("lock given up: got %+v, want it done", r)
	}
}

// TestOwnerThatCannotBeBelieved: what may be an agent's is not changed, and can be looked at.
func TestOwnerThatCannotBeBelieved(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	write(t, filepath.Join(s.options.StateDir, "owner"), "{\x1b")
	before := s.run(t, "render").out
	for _, line := range [][]string{{"apply"}, {"quarantine", "shop/db"}, {"release", "shop/db"},
		{"label", "shop/db", "a=b"}, {"status"}} {
		s.wants(t, 1, []string{"node is owned by an agent: owner of the node"}, line...)
	}
	for _, line := range [][]string{{"endpoints"}, {"policies"}} {
		s.wants(t, 0, []string{"read from the node itself", "shop/db"}, line...)
	}
	if after := s.run(t, "render").out; after != before {
		t.Error("a refused command changed the ruleset")
	}
}

// TestAgentKnowsMore: what only the agent finds out is in the lists.
func TestAgentKnowsMore(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	s.agent(t)
	s.wants(t, 0, []string{"enforced"}, "endpoints")
	s.net.Nft(t, "table ip other { chain c { type filter hook forward priority -200; "+
		"ct mark set 0x00010000; }; }")
	const why = "foreign rules write our marks: ip other c handle"
	for start := time.Now(); s.run(t, "endpoints").code == 0; time.Sleep(50 * time.Millisecond) {
		if time.Since(start) > 15*time.Second {
			t.Fatal("endpoints: got nothing of the foreign rule within 15 s")
		}
	}
	s.wants(t, 1, []string{"not enforced: " + why}, "endpoints")
	s.wants(t, 1, []string{"endpoints  3 not enforced", "marks      ip other c handle"}, "status")
	s.wants(t, 1, []string{"shop/db@eth0: in quarantine", "not enforced: " + why}, "quarantine",
		"shop/db")
	var states []struct{ State, Why string }
	r := s.run(t, "endpoints", "-o", "json")
	if err := json.Unmarshal([]byte(r.out), &states); err != nil || len(states) != 3 ||
		states[0].State != "notEnforced" || !strings.Contains(states[0].Why, why) {
		t.Errorf("endpoints: got %+v, %v, want 3 that are not enforced", states, err)
	}
}
