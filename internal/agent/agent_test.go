// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agent"
	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// The kernel follows what is attached and the policy files, and goes on when the agent is gone.
func TestAgentFollows(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.reach(t, "x", bAt, nil)
	stop := s.start(t)
	s.write(t, "b.yaml", onlyAReachesB)
	s.attach(t, "a", "b", "x")
	s.reach(t, "a", bAt, nil)
	s.reach(t, "x", bAt, testnet.ErrTimeout)
	s.write(t, "b.yaml", bClosed)
	took := s.reaches(t, "a closed by an edit", "a", bAt, testnet.ErrTimeout)
	t.Logf("an edit was seen after at most %v", took)
	s.write(t, "b.yaml", onlyAReachesB)
	s.reaches(t, "a opened by an edit", "a", bAt, nil)
	if err := os.Remove(s.options.Node.PolicyDir + "/b.yaml"); err != nil {
		t.Fatal(err)
	}
	s.reaches(t, "x opened by deletion", "x", bAt, nil)
	s.write(t, "b.yaml", onlyAReachesB)
	s.reaches(t, "x closed again", "x", bAt, testnet.ErrTimeout)
	stop()
	s.reach(t, "a", bAt, nil)
	s.reach(t, "x", bAt, testnet.ErrTimeout)
}

// A document that cannot be read leaves the one before in force, and is told.
func TestBadPolicyIsReported(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.start(t)
	s.write(t, "b.yaml", onlyAReachesB)
	s.write(t, "other.yaml", strings.ReplaceAll(bClosed, "name: b", "name: other"))
	s.attach(t, "a", "b", "x")
	s.write(t, "b.yaml", strings.Replace(onlyAReachesB, "podSelector:", "podSelektor:", 1))
	s.await(t, "rejection", func() bool { return s.summary(t).Policies[node.PolicyRejected] == 1 })
	s.reach(t, "a", bAt, nil)
	s.reach(t, "x", bAt, testnet.ErrTimeout)
	var states []node.PolicyState
	if err := s.ask(t, agentapi.Request{Verb: agentapi.VerbPolicies}, &states); err != nil {
		t.Fatal(err)
	}
	for _, state := range states {
		switch {
		case state.Ref.Name == "b" && (state.Standing != node.PolicyRejected ||
			state.Generation == 0 || !strings.Contains(strings.Join(state.Reasons, "\n"), "podSelektor")):
			t.Errorf("b: got %+v, want it rejected, with the reason, its last version in force", state)
		case state.Ref.Name == "other" && (state.Standing != node.PolicyEnforced ||
			state.Generation == 0 || state.Selects != 1):
			t.Errorf("other: got %+v, want it enforced for one endpoint", state)
		}
	}
	if len(states) != 2 {
		t.Errorf("policies: got %d, want 2", len(states))
	}
	s.write(t, "b.yaml", bClosed)
	s.await(t, "acceptance", func() bool { return s.summary(t).Policies[node.PolicyEnforced] == 2 })
}

// Without its directory an agent keeps the last policies in force and attaches nobody.
func TestPolicyDirectoryIsGone(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.start(t)
	s.write(t, "b.yaml", onlyAReachesB)
	s.attach(t, "a", "b")
	dir := s.options.Node.PolicyDir
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	s.await(t, "not ready", func() bool { return len(s.ready(t).Missing) > 0 })
	a := s.attachment("x")
	err := s.ask(t, agentapi.Request{Verb: agentapi.VerbAttach, Attach: &a}, nil)
	if !errors.Is(err, agentapi.ErrNotReady) {
		t.Errorf("attach: got %v, want %v", err, agentapi.ErrNotReady)
	}
	s.reach(t, "a", bAt, nil)
	s.detach(t, "a")
	s.reach(t, "a", bAt, testnet.ErrTimeout)
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	s.await(t, "ready again", func() bool { return len(s.ready(t).Missing) == 0 })
	s.attach(t, "a", "x")
	s.reach(t, "a", bAt, nil)
	s.reach(t, "x", bAt, testnet.ErrTimeout)
}

// What others change in our tables, and take away from bridges, is put right.
func TestDriftIsRepaired(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.start(t)
	s.write(t, "b.yaml", onlyAReachesB)
	s.attach(t, "a", "b", "x")
	for name, damage := range map[string][]string{
		"ruleset flushed": {"nft", "flush", "ruleset"},
		"table deleted":   {"nft", "delete", "table", "bridge", "bulkhead"},
		"chain flushed":   {"nft", "flush", "chain", "ip", "bulkhead", "drop-quarantine"},
		"element deleted": {"nft", "delete", "element", "ip", "bulkhead", "addresses",
			"{ 10.1.0.3 }"},
		"rule added": {"nft", "insert", "rule", "ip", "bulkhead", "forward", "accept"},
	} {
		before := s.summary(t).Repairs
		s.net.Run(t, damage[0], damage[1:]...)
		took := s.await(t, name, func() bool { return s.summary(t).Repairs > before })
		t.Logf("%s: repaired within %v", name, took)
		s.reach(t, "a", bAt, nil)
		s.reach(t, "x", bAt, testnet.ErrTimeout)
	}
	s.net.Run(t, "ip", "link", "set", "br0", "type", "bridge", "nf_call_iptables", "0")
	s.await(t, "bridge flag", func() bool {
		return strings.Contains(s.net.Run(t, "ip", "-d", "link", "show", "br0"),
			"nf_call_iptables 1")
	})
}

// A repair is told whoever finds the damage first: the agent by itself, or a request that comes
// just then.
func TestEveryRepairIsTold(t *testing.T) {
	s := newSite(t)
	s.start(t)
	s.attach(t, "a", "b")
	for i := range 10 {
		s.net.Run(t, "nft", "flush", "ruleset")
		s.attach(t, "a")
		if got := s.summary(t).Repairs; got != i+1 {
			t.Fatalf("repairs: got %d, want %d", got, i+1)
		}
		s.await(t, "rest", func() bool { return len(s.ready(t).Missing) == 0 })
	}
}

// Two agents never work at a time: the second waits for the first to go, and changes nothing then.
func TestSecondAgentWaits(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	first := s.start(t)
	s.write(t, "b.yaml", onlyAReachesB)
	s.attach(t, "a", "b", "x")
	before := s.summary(t)
	second := s.launch(t, s.options)
	time.Sleep(300 * time.Millisecond)
	if now := s.summary(t); now.Started != before.Started {
		t.Errorf("socket: answered by the agent of %v, want that of %v", now.Started, before.Started)
	}
	stop := make(chan struct{})
	probed := make(chan int)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				probed <- n
				return
			default:
			}
			if err := s.boxes["x"].Dial("tcp", bAt, 50*time.Millisecond); err == nil {
				t.Error("x -> b: passed while one agent followed the other")
			}
		}
	}()
	first()
	s.await(t, "succession", func() bool {
		r := s.ready(t)
		return len(r.Missing) == 0
	})
	after := s.summary(t)
	close(stop)
	t.Logf("%d probes during the succession", <-probed)
	if after.Generation != before.Generation || after.Started == before.Started {
		t.Errorf("successor: got %+v after %+v, want another agent with the same generation", after,
			before)
	}
	s.reach(t, "a", bAt, nil)
	second()
}

// What was attached in quarantine, while there was no agent, is judged by the next one.
func TestReadmission(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.start(t)()
	s.write(t, "b.yaml", onlyAReachesB)
	o := s.options.Node
	o.Agent = true
	n, err := node.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := n.Attach(t.Context(), s.attachment(name)); err != nil {
			t.Fatal(err)
		}
		_, err := n.Quarantine(t.Context(), id(name), nil, endpoint.QuarantineAgentDown)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	s.reach(t, "a", bAt, testnet.ErrTimeout)
	s.start(t)
	s.reach(t, "a", bAt, nil)
	if got := s.summary(t).Endpoints; got[agent.EndpointEnforced] != 2 {
		t.Errorf("endpoints: got %v, want 2 enforced", got)
	}
}

// A quarantine that was asked for outlives agents.
func TestQuarantineOnDemand(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	stop := s.start(t)
	s.write(t, "b.yaml", onlyAReachesB)
	s.attach(t, "a", "b", "x")
	flow, err := s.boxes["a"].Open("tcp", "", bAt, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer flow.Close()
	if err := flow.Echo(time.Second); err != nil {
		t.Fatalf("flow: %v", err)
	}
	start := time.Now()
	s.must(t, agentapi.Request{Verb: agentapi.VerbQuarantine,
		Quarantine: &agentapi.Quarantine{Endpoint: id("b")}})
	t.Logf("cut after %v", time.Since(start))
	if err := flow.Echo(300 * time.Millisecond); err == nil {
		t.Error("flow: goes on after quarantine")
	}
	stop()
	s.start(t)
	s.reach(t, "a", bAt, testnet.ErrTimeout)
	if got := s.summary(t).Endpoints; got[agent.EndpointQuarantined] != 1 {
		t.Errorf("endpoints: got %v, want 1 in quarantine", got)
	}
	s.must(t, agentapi.Request{Verb: agentapi.VerbRelease,
		Release: &agentapi.Release{Endpoint: id("b")}})
	s.reach(t, "a", bAt, nil)
	err = s.ask(t, agentapi.Request{Verb: agentapi.VerbRelease,
		Release: &agentapi.Release{Endpoint: "nobody/eth0"}}, nil)
	if !errors.Is(err, endpoint.ErrUnknown) {
		t.Errorf("release of nobody: got %v, want %v", err, endpoint.ErrUnknown)
	}
}

// A label that goes takes the flows with it that it allowed.
func TestRemovedLabelRevokes(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.start(t)
	s.write(t, "b.yaml", onlyAReachesB)
	s.attach(t, "a", "b")
	flow, err := s.boxes["a"].Open("tcp", "", bAt, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer flow.Close()
	if err := flow.Echo(time.Second); err != nil {
		t.Fatalf("flow: %v", err)
	}
	s.must(t, agentapi.Request{Verb: agentapi.VerbLabel, Label: &agentapi.Label{Endpoint: id("a"),
		Remove: []string{"app"}}})
	if err := flow.Echo(300 * time.Millisecond); err == nil {
		t.Error("flow: goes on without the label that allowed it")
	}
	s.reach(t, "a", bAt, testnet.ErrTimeout)
	s.must(t, agentapi.Request{Verb: agentapi.VerbLabel, Label: &agentapi.Label{Endpoint: id("a"),
		Set: map[string]string{"app": "a"}}})
	s.reach(t, "a", bAt, nil)
	err = s.ask(t, agentapi.Request{Verb: agentapi.VerbLabel, Label: &agentapi.Label{
		Endpoint: id("a"), Set: map[string]string{"io.kubernetes.pod": "x"}}}, nil)
	if !errors.Is(err, agentapi.ErrInvalid) {
		t.Errorf("reserved label: got %v, want %v", err, agentapi.ErrInvalid)
	}
}

// A foreign rule that can make a flow pass for judged is found, and told for every endpoint.
func TestForeignMarkWriterIsFound(t *testing.T) {
	s := newSite(t)
	s.start(t)
	s.attach(t, "a", "b")
	if got := s.summary(t); len(got.MarkWriters) > 0 || got.Endpoints[agent.EndpointEnforced] != 2 {
		t.Fatalf("before: got %+v, want no writers and 2 enforced", got)
	}
	s.net.Nft(t, `table inet other { chain c { type filter hook prerouting priority -100;
		ct mark set 0x10000; }; }`)
	s.await(t, "writer", func() bool { return len(s.summary(t).MarkWriters) > 0 })
	got := s.summary(t)
	if got.Endpoints[agent.EndpointNotEnforced] != 2 ||
		!strings.Contains(got.MarkWriters[0], "inet other c") {
		t.Errorf("got %+v, want the rule named and both endpoints not enforced", got)
	}
	s.net.Run(t, "nft", "delete", "table", "inet", "other")
	s.net.Nft(t, "table inet third { chain c { accept; }; }")
	s.await(t, "no writer", func() bool { return len(s.summary(t).MarkWriters) == 0 })
}
