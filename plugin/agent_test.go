// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/policy"
)

const (
	agentKey      = `"agentSocket": "/run/x/agent.sock"`
	quarantineKey = agentKey + `, "onAgentDown": "quarantine"`
)

// fakeAgent is an agent whose registry is the fake node's.
type fakeAgent struct {
	node *fakeNode
	// errs are what the next calls fail with before anything is done; nil is no failure.
	errs []error
	// lost is the error of every call after it was carried out.
	lost error
	// ready is the answer to ready, and empty that it answers without a result.
	ready  agentapi.Ready
	empty  bool
	socket string
	calls  []agentapi.Request
}

func (a *fakeAgent) call(ctx context.Context, socket string, r agentapi.Request) (
	agentapi.Reply, error) {
	a.socket, a.calls = socket, append(a.calls, r)
	if len(a.errs) > 0 {
		err := a.errs[0]
		a.errs = a.errs[1:]
		if errors.Is(err, agentapi.ErrTimeout) {
			<-ctx.Done()
		}
		if err != nil {
			return agentapi.Reply{}, err
		}
	}
	result, err := a.do(ctx, r)
	if err == nil {
		err = a.lost
	}
	if err != nil || a.empty {
		return agentapi.Reply{}, err
	}
	text, err := json.Marshal(result)
	return agentapi.Reply{Result: text}, err
}

func (a *fakeAgent) do(ctx context.Context, r agentapi.Request) (any, error) {
	switch r.Verb {
	case agentapi.VerbAttach:
		notes, err := a.node.Attach(ctx, *r.Attach)
		return agentapi.Attached{Notes: notes}, err
	case agentapi.VerbDetach:
		return nil, a.node.Detach(ctx, func(e endpoint.Attachment) bool {
			return e.Endpoint.ID == r.Detach.ID()
		})
	case agentapi.VerbCollect:
		return nil, a.node.Detach(ctx, func(e endpoint.Attachment) bool {
			return e.NetworkName == r.Collect.Network && !slices.Contains(r.Collect.Valid,
				agentapi.Interface{ContainerID: e.ContainerID, Interface: e.Endpoint.Interface})
		})
	case agentapi.VerbCheck:
		for _, e := range a.node.attachments {
			if e.Endpoint.ID == r.Check.ID() {
				c := agentapi.Checked{Attachment: e}
				if a.node.drift != nil {
					c.Differences = []string{a.node.drift.Error()}
				}
				return c, nil
			}
		}
		return nil, fmt.Errorf("%s: %w", r.Check.ID(), endpoint.ErrUnknown)
	case agentapi.VerbReady:
		return a.ready, nil
	}
	return nil, fmt.Errorf("verb %s", r.Verb)
}

// verbs are those of the calls so far, which are forgotten.
func (a *fakeAgent) verbs() (all []agentapi.Verb) {
	for _, r := range a.calls {
		all = append(all, r.Verb)
	}
	a.calls = nil
	return all
}

func (b *bench) wantVerbs(want ...agentapi.Verb) {
	b.Helper()
	if got := b.agent.verbs(); !slices.Equal(got, want) {
		b.Errorf("agent: got calls %v, want %v", got, want)
	}
}

// locked is what opening a node says whose lock somebody holds.
var locked = fmt.Errorf("lock: %w", context.DeadlineExceeded)

func TestVerbsGoThroughTheAgent(t *testing.T) {
	b := newBench(t)
	b.openErr = errors.New("the node must not be opened")
	b.node.notes = []string{"policy: web.yaml:3:1: something"}
	for _, mode := range []string{agentKey, quarantineKey} {
		if got := b.ok("ADD", confWith(mode, bridgeResult)); got != bridgeResult+"\n" {
			t.Errorf("ADD: got %s, want prevResult", got)
		}
		if !strings.Contains(b.stderr, "web.yaml:3:1") {
			t.Errorf("log: got %q, want the agent's note", b.stderr)
		}
		a := b.node.one(t)
		if a.HostInterface != "veth1" || a.MAC != testMAC || a.Endpoint.Quarantine != nil ||
			b.agent.socket != "/run/x/agent.sock" {
			t.Errorf("attachment: got %+v by %s", a, b.agent.socket)
		}
		b.ok("CHECK", confWith(mode, bridgeResult))
		b.ok("STATUS", versioned(confWith(mode, ""), "1.1.0"))
		b.ok("DEL", confWith(mode, ""))
		b.node.none(t)
		b.wantVerbs("attach", "check", "ready", "detach")
	}
}

// TestAddWithoutAgent: what the agent's silence means for an ADD, by what is known about it.
func TestAddWithoutAgent(t *testing.T) {
	down := fmt.Errorf("agent: %w", agentapi.ErrDown)
	for _, tc := range []struct {
		name, mode string
		errs       []error
		lost       error
		openErr    error
		code       Code // 0: success
		quarantine bool
		opens      int
		verbs      []agentapi.Verb
	}{
		{"down", agentKey, []error{down}, nil, nil, TryAgain, false, 0, []agentapi.Verb{"attach"}},
		{"down", quarantineKey, []error{down}, nil, nil, 0, true, 1, []agentapi.Verb{"attach"}},
		{"died on it", agentKey, nil, agentapi.ErrLost, nil, TryAgain, false, 1,
			[]agentapi.Verb{"attach", "check"}},
		{"died on it", quarantineKey, nil, agentapi.ErrLost, nil, 0, true, 1,
			[]agentapi.Verb{"attach"}},
		{"hangs", agentKey, []error{agentapi.ErrTimeout}, nil, nil, TryAgain, false, 0,
			[]agentapi.Verb{"attach"}},
		{"hangs", quarantineKey, []error{agentapi.ErrTimeout}, nil, nil, TryAgain, false, 0,
			[]agentapi.Verb{"attach"}},
		{"comes back", quarantineKey, []error{down}, nil, locked, 0, false, 1,
			[]agentapi.Verb{"attach", "attach"}},
		{"down, and locked", quarantineKey, []error{down, down}, nil, locked, TryAgain, false, 1,
			[]agentapi.Verb{"attach", "attach"}},
		{"down, and another's", quarantineKey, []error{down}, nil, endpoint.ErrOwned, Unavailable,
			false, 1, []agentapi.Verb{"attach"}},
	} {
		t.Run(tc.name+strings.TrimPrefix(tc.mode, agentKey), func(t *testing.T) {
			b := newBench(t)
			b.plugin.Timeout = 2 * time.Second
			b.agent.errs, b.agent.lost, b.openErr = tc.errs, tc.lost, tc.openErr
			began := time.Now()
			if tc.code == 0 {
				b.ok("ADD", confWith(tc.mode, bridgeResult))
			} else {
				b.fails("ADD", confWith(tc.mode, bridgeResult), tc.code)
				b.node.none(t)
			}
			if d := time.Since(began); d > b.plugin.Timeout {
				t.Errorf("ADD: got an answer after %v, want at most %v", d, b.plugin.Timeout)
			}
			if b.opens != tc.opens {
				t.Errorf("node: got opened %d times, want %d", b.opens, tc.opens)
			}
			b.wantVerbs(tc.verbs...)
			if tc.code == 0 {
				b.wantQuarantine(tc.quarantine)
			}
		})
	}
}

// wantQuarantine wants one endpoint, cut off for want of an agent or judged by policy.
func (b *bench) wantQuarantine(want bool) {
	b.Helper()
	a := b.node.one(b.T)
	if !want {
		if a.Endpoint.Quarantine != nil {
			b.Errorf("attachment: got quarantine for %s, want none", a.QuarantineReason)
		}
		return
	}
	if !reflect.DeepEqual(a.Endpoint.Quarantine, &policy.Quarantine{}) ||
		a.QuarantineReason != endpoint.QuarantineAgentDown || a.QuarantinedSince.IsZero() {
		b.Errorf("attachment: got %+v, want it in quarantine", a)
	}
	if b.settings.AgentSocket == "" || !strings.Contains(b.stderr, "quarantine") {
		b.Errorf("quarantine: got settings %+v and log %q", b.settings, b.stderr)
	}
}

// TestAgentErrors: an agent that answers is not down, whatever it says.
func TestAgentErrors(t *testing.T) {
	for _, tc := range []struct {
		code agentapi.Code
		want Code
	}{
		{agentapi.CodeConflict, NotEnforced}, {agentapi.CodeUnknownEndpoint, NotEnforced},
		{agentapi.CodeInvalid, NotEnforced}, {agentapi.CodeInternal, NotEnforced},
		{agentapi.CodeBusy, TryAgain}, {agentapi.CodeNotReady, TryAgain},
		{"later", NotEnforced},
	} {
		for _, mode := range []string{agentKey, quarantineKey} {
			for _, verb := range []string{"ADD", "CHECK", "DEL"} {
				b := newBench(t)
				b.agent.errs = []error{&agentapi.Error{Code: tc.code, Message: "so it is"}}
				b.fails(verb, confWith(mode, bridgeResult), tc.want, "so it is")
				b.node.none(t)
				if b.opens != 0 || b.readOnly || len(b.agent.calls) != 1 {
					t.Errorf("%s: got the node opened or the agent asked again", verb)
				}
			}
		}
	}
}

func TestAddNeedsTheAgentsWord(t *testing.T) {
	b := newBench(t)
	b.agent.empty = true
	b.fails("ADD", confWith(agentKey, bridgeResult), NotEnforced, "result")
	b.fails("CHECK", confWith(agentKey, bridgeResult), NotEnforced, "result")
	b.fails("STATUS", versioned(confWith(agentKey, ""), "1.1.0"), Unavailable, "result")
}

func TestRemovalWithEveryDaemonDead(t *testing.T) {
	const gc = agentKey + `, "cni.dev/valid-attachments": [{"containerID": "web2", "ifname": "eth0"}]`
	for _, tc := range []struct{ verb, conf string }{
		{"DEL", confWith(agentKey, "")}, {"GC", versioned(confWith(gc, ""), "1.1.0")},
	} {
		for _, err := range []error{agentapi.ErrDown, agentapi.ErrLost, nil} {
			b := newBench(t)
			b.node.attachments = []endpoint.Attachment{attachment("web1/eth0", "net1"),
				attachment("web2/eth0", "net1"), attachment("web3/eth0", "net2")}
			b.agent.errs = []error{err}
			b.ok(tc.verb, tc.conf)
			if left := b.node.many(t, 2); left[0].ContainerID != "web2" || (err != nil) != (b.opens == 1) {
				t.Errorf("%s, %v: got %v left and the node opened %d times", tc.verb, err, left, b.opens)
			}
		}
		b := newBench(t)
		b.plugin.Timeout = time.Second
		b.agent.errs = []error{agentapi.ErrTimeout}
		b.fails(tc.verb, tc.conf, TryAgain)
		b.agent.errs, b.openErr = []error{agentapi.ErrDown}, errors.New("no such disk")
		b.fails(tc.verb, tc.conf, NotEnforced, "no such disk")
	}
}

func TestCheckThroughAgentOrWithout(t *testing.T) {
	b := newBench(t)
	conf := confWith(agentKey, bridgeResult)
	b.fails("CHECK", conf, NotEnforced, "not attached")
	b.ok("ADD", conf)
	for _, down := range []error{nil, agentapi.ErrDown} {
		check := func(want ...string) {
			t.Helper()
			b.agent.errs = []error{down}
			if len(want) == 0 {
				b.ok("CHECK", conf)
			} else {
				b.fails("CHECK", conf, NotEnforced, want...)
			}
			if b.opens != 0 || b.readOnly != (down != nil) {
				t.Errorf("%v: got %d times opened, read-only %t", down, b.opens, b.readOnly)
			}
		}
		check()
		b.node.drift = errors.New("kernel: chain x is missing")
		check("chain x")
		b.links.port.Bridge = "br7"
		check("bridge", "chain x")
		b.node.drift, b.links.port.Bridge = nil, "br0"
	}
	b.plugin.Timeout = time.Second
	b.agent.errs = []error{agentapi.ErrTimeout}
	b.fails("CHECK", conf, TryAgain)
}

func TestStatusThroughAgent(t *testing.T) {
	status := versioned(confWith(agentKey, ""), "1.1.0")
	for _, tc := range []struct {
		name    string
		ready   agentapi.Ready
		err     error
		missing []string // of the node
		closed  bool
		want    Code
		words   []string
	}{
		{"missing", agentapi.Ready{Missing: []string{"policies"}}, nil, nil, false, Unavailable,
			[]string{"policies"}},
		{"missing and closed", agentapi.Ready{Missing: []string{"a", "b"}, Closed: true}, nil, nil,
			false, Limited, []string{"a; b"}},
		{"down", agentapi.Ready{}, agentapi.ErrDown, nil, false, Unavailable, []string{"down"}},
		{"down and more", agentapi.Ready{}, agentapi.ErrDown, []string{"policyDir"}, false,
			Unavailable, []string{"down", "policyDir"}},
		{"down and closed", agentapi.Ready{}, agentapi.ErrDown, nil, true, Limited,
			[]string{"down"}},
		{"hangs", agentapi.Ready{}, agentapi.ErrTimeout, nil, false, TryAgain, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			b.plugin.Timeout = time.Second
			b.agent.ready, b.agent.errs = tc.ready, []error{tc.err}
			b.missing, b.closed = tc.missing, tc.closed
			b.fails("STATUS", status, tc.want, tc.words...)
		})
	}
}

func TestIsolationWithAgent(t *testing.T) {
	b := newBench(t)
	b.plugin.Timeout = time.Second
	const isolate = `, "portIsolation": true`
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{agentapi.ErrDown, false}, {&agentapi.Error{Code: agentapi.CodeConflict}, false},
		// It may have attached the endpoint as one that is isolated.
		{agentapi.ErrTimeout, true},
	} {
		b.agent.errs = []error{tc.err}
		b.run("ADD", confWith(agentKey+isolate, bridgeResult))
		if got := b.links.isolated["veth1"]; got != tc.want {
			t.Errorf("%v: got isolated %t, want %t", tc.err, got, tc.want)
		}
	}
}

func TestAddUndoneThroughAgent(t *testing.T) {
	b := newBench(t)
	var log strings.Builder
	b.env["CNI_COMMAND"] = "ADD"
	exit := b.plugin.Run(Streams{Getenv: func(k string) string { return b.env[k] },
		Stdin:  strings.NewReader(confWith(agentKey, bridgeResult)),
		Stdout: brokenPipe{}, Stderr: io.Writer(&log)})
	if exit != 1 || !strings.Contains(log.String(), "ADD is undone") {
		t.Errorf("closed stdout: got exit %d and %q", exit, &log)
	}
	b.node.none(t)
	b.wantVerbs("attach", "check", "detach")
}

// TestTakingBackKeepsAQuarantine: an ADD anew that fails must not open what is cut off.
func TestTakingBackKeepsAQuarantine(t *testing.T) {
	for _, mode := range []string{`"dryRun": false`, agentKey, "lost"} {
		for reason, want := range map[string]int{"": 0, endpoint.QuarantineAgentDown: 0,
			endpoint.QuarantineRequested: 1} {
			b := newBench(t)
			b.node.hold = reason
			b.env["CNI_COMMAND"] = "ADD"
			conf := mode
			if mode == "lost" {
				conf, b.agent.lost = agentKey, agentapi.ErrLost
			}
			exit := b.plugin.Run(Streams{Getenv: func(k string) string { return b.env[k] },
				Stdin:  strings.NewReader(confWith(conf, bridgeResult)),
				Stdout: brokenPipe{}, Stderr: io.Discard})
			if exit != 1 {
				t.Errorf("%s, %q: got exit %d, want 1", mode, reason, exit)
			}
			b.node.many(t, want)
		}
	}
}

func TestDryRunAsksNoAgent(t *testing.T) {
	b := newBench(t)
	b.ok("ADD", confWith(agentKey+`, "dryRun": true`, bridgeResult))
	b.ok("CHECK", confWith(agentKey+`, "dryRun": true`, bridgeResult))
	b.wantVerbs()
	b.node.none(t)
}
