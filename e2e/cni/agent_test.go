// SPDX-License-Identifier: Apache-2.0

package cni_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// agent answers the plugin for a node that it holds open, as an agent does.
type agent struct {
	mu   sync.Mutex
	node *node.Node
	stop func()
	done chan error
}

func (h *host) socket() string { return filepath.Join(h.state, "agent.sock") }

// startAgent makes the host's node an agent's.
func (h *host) startAgent(t *testing.T) *agent {
	t.Helper()
	n, err := node.Open(t.Context(), node.Options{StateDir: h.state, PolicyDir: h.policies,
		NetNS: h.FD(), Agent: true})
	if err != nil {
		t.Fatal(err)
	}
	owner := node.Ownership{Socket: h.socket(), PID: os.Getpid(), Started: time.Now()}
	if err := n.Own(owner); err != nil {
		t.Fatal(err)
	}
	s, err := agentapi.Listen(t.Context(), agentapi.Options{Socket: h.socket()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &agent{node: n, stop: cancel, done: make(chan error, 1)}
	go func() { a.done <- errors.Join(s.Serve(ctx, a), n.Close()) }()
	return a
}

// killAgent ends an agent and leaves its socket behind, as a dead one does.
func (h *host) killAgent(t *testing.T, a *agent) {
	t.Helper()
	a.stop()
	if err := <-a.done; err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: h.socket(), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func (a *agent) Handle(ctx context.Context, r agentapi.Request) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch r.Verb {
	case agentapi.VerbAttach:
		_, err := a.node.Attach(ctx, *r.Attach)
		return agentapi.Attached{Notes: a.node.Notes()}, err
	case agentapi.VerbDetach:
		_, err := a.node.Detach(ctx, func(e endpoint.Attachment) bool {
			return e.Endpoint.ID == r.Detach.ID()
		})
		return nil, err
	case agentapi.VerbCollect:
		_, err := a.node.Detach(ctx, func(e endpoint.Attachment) bool {
			return e.NetworkName == r.Collect.Network && !slices.Contains(r.Collect.Valid,
				agentapi.Interface{ContainerID: e.ContainerID, Interface: e.Endpoint.Interface})
		})
		return nil, err
	case agentapi.VerbCheck:
		return a.check(ctx, r.Check.ID())
	case agentapi.VerbReady:
		return agentapi.Ready{}, nil
	}
	return nil, fmt.Errorf("%w: verb %s", agentapi.ErrInvalid, r.Verb)
}

func (a *agent) check(ctx context.Context, id string) (any, error) {
	for _, e := range a.node.Attachments() {
		if e.Endpoint.ID != id {
			continue
		}
		c := agentapi.Checked{Attachment: e}
		if err := a.node.Check(ctx, id); err != nil {
			c.Differences = append(c.Differences, err.Error())
		}
		return c, nil
	}
	return nil, fmt.Errorf("%s: %w", id, node.ErrUnknownEndpoint)
}

// agentList is a network whose conf names the host's agent.
func (h *host) agentList(t *testing.T, onDown string) *libcni.NetworkConfigList {
	t.Helper()
	return h.list(t, "net1", "1.1.0", h.bridge(1), object{"agentSocket": h.socket(),
		"onAgentDown": onDown, "labels": object{"app": "web"}})
}

// again repeats the ADD of our plugin alone, with the agent in its conf.
func (h *host) again(t *testing.T, a *attachment) (exit int) {
	t.Helper()
	result, err := json.Marshal(a.result)
	if err != nil {
		t.Fatal(err)
	}
	conf, err := json.Marshal(object{"cniVersion": "1.1.0", "name": "net1", "type": "bulkhead",
		"stateDir": h.state, "policyDir": h.policies, "agentSocket": h.socket(),
		"prevResult": json.RawMessage(result)})
	if err != nil {
		t.Fatal(err)
	}
	out, _, exit := h.raw(t, "ADD", a, conf)
	if exit != 0 {
		t.Logf("ADD: %s", out)
	}
	return exit
}

// meet probes the way from one container to another, both addresses.
func meet(t *testing.T, what string, from, to *attachment, want error) {
	t.Helper()
	for _, addr := range []netip.Addr{to.v4, to.v6} {
		err := from.Dial("tcp", netip.AddrPortFrom(addr, 80).String(), 0)
		if !errors.Is(err, want) {
			t.Errorf("%s: %s to %s: got %v, want %v", what, from.Name, addr, err, want)
		}
	}
}

func TestVerbsThroughAnAgent(t *testing.T) {
	for _, main := range []string{"bridge", "ptp"} {
		t.Run(main, func(t *testing.T) {
			h := newHost(t)
			a := h.startAgent(t)
			first := h.bridge(1)
			if main == "ptp" {
				first = h.ptp(1)
			}
			life(t, h, h.list(t, "net1", "1.1.0", first, object{"agentSocket": h.socket()}), "1.1.0")
			h.killAgent(t, a)
		})
	}
}

// TestContainersOlderThanTheAgent: those that run when a node gets its agent can be checked and
// removed by the confs they were attached with, be the agent alive or dead.
func TestContainersOlderThanTheAgent(t *testing.T) {
	h := newHost(t)
	none := h.list(t, "net1", "1.1.0", h.bridge(1), nil)
	web, db := h.attach(t, none, "web1"), h.attach(t, none, "db1")
	lost := h.attach(t, none, "lost1")
	a := h.startAgent(t)
	for _, old := range []*attachment{web, db} {
		if err := h.check(old); err != nil {
			t.Errorf("CHECK: got %v, want nil", err)
		}
	}
	wantCode(t, h.add(h.prepare(t, none, "late1")), 50, h.socket())
	keep := []types.GCAttachment{{ContainerID: "web1", IfName: "eth0"},
		{ContainerID: "db1", IfName: "eth0"}}
	err := h.cni.GCNetworkList(t.Context(), none, &libcni.GCArgs{ValidAttachments: keep})
	if n := h.registered(t); err != nil || n != 2 {
		t.Errorf("GC: got %v and %d attachments, want nil and 2", err, n)
	}
	if err := h.del(web); err != nil {
		t.Errorf("DEL: got %v, want nil", err)
	}
	if n := h.registered(t); n != 1 {
		t.Errorf("DEL: got %d attachments, want 1", n)
	}
	h.killAgent(t, a)
	for _, old := range []*attachment{db, lost} {
		if err := h.del(old); err != nil {
			t.Errorf("DEL with the agent dead: got %v, want nil", err)
		}
	}
	h.wantNothing(t)
}

// TestNodeOfAnAgent: a conf that does not name its agent changes nothing, be it alive or dead.
func TestNodeOfAnAgent(t *testing.T) {
	h := newHost(t)
	a := h.startAgent(t)
	mine := h.attach(t, h.agentList(t, "fail"), "web1")
	none := h.list(t, "net1", "1.1.0", h.bridge(1), nil)
	wrong := h.list(t, "net1", "1.1.0", h.bridge(1), object{
		"agentSocket": filepath.Join(h.state, "other.sock"), "onAgentDown": "quarantine"})
	// The model of what is in the kernel is written with every change of it.
	installed := func() string {
		text, err := os.ReadFile(filepath.Join(h.state, "installed"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	before := installed()
	refuse := func() {
		t.Helper()
		began := time.Now()
		wantCode(t, h.add(h.prepare(t, none, fmt.Sprint("stray", began.UnixNano()))), 50, h.socket())
		wantCode(t, h.add(h.prepare(t, wrong, fmt.Sprint("wrong", began.UnixNano()))), 50, h.socket())
		wantCode(t, h.cni.GetStatusNetworkList(t.Context(), none), 50, h.socket())
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("refusals: took %v, want no wait for the lock", d)
		}
		if n := h.registered(t); installed() != before || n != 1 {
			t.Errorf("refused: got %d attachments or other rules, want what was before", n)
		}
	}
	refuse()
	h.killAgent(t, a)
	refuse()
	if err := h.del(mine); err != nil {
		t.Errorf("DEL with the agent dead: got %v, want nil", err)
	}
	h.wantNothing(t)
}

// TestAgentDown: a container that starts meanwhile has no network, or one that nothing passes.
func TestAgentDown(t *testing.T) {
	h := newHost(t)
	a := h.startAgent(t)
	fail, cut := h.agentList(t, "fail"), h.agentList(t, "quarantine")
	web := h.attach(t, fail, "web1")
	db := h.attach(t, fail, "db1")
	web.Serve(t, "tcp", 80)
	db.Serve(t, "tcp", 80)
	meet(t, "agent lives", web, db, nil)
	h.killAgent(t, a)
	meet(t, "agent died", web, db, nil)
	if err := h.check(web); err != nil {
		t.Errorf("CHECK: got %v, want nil", err)
	}
	wantCode(t, h.cni.GetStatusNetworkList(t.Context(), cut), 50, "down")

	wantCode(t, h.add(h.prepare(t, fail, "late1")), 11, "down")
	if n := h.registered(t); n != 2 {
		t.Errorf("after a failed ADD: got %d attachments, want 2", n)
	}
	late := h.attach(t, cut, "late2")
	late.Serve(t, "tcp", 80)
	meet(t, "quarantine", late, db, testnet.ErrTimeout)
	meet(t, "quarantine", db, late, testnet.ErrTimeout)
	meet(t, "others", web, db, nil)
	if err := h.check(late); err != nil {
		t.Errorf("CHECK in quarantine: got %v, want nil", err)
	}
	wantCode(t, h.cni.GetStatusNetworkList(t.Context(), cut), 51, "down")

	// The agent comes back: attached anew, the endpoint is judged by its policies.
	a = h.startAgent(t)
	meet(t, "agent is back", late, db, testnet.ErrTimeout)
	if exit := h.again(t, late); exit != 0 {
		t.Errorf("ADD anew: got exit %d, want 0", exit)
	}
	meet(t, "attached anew", late, db, nil)
	meet(t, "attached anew", db, late, nil)
	h.killAgent(t, a)
	for _, gone := range []*attachment{web, db, late} {
		if err := h.del(gone); err != nil {
			t.Errorf("DEL with the agent dead: got %v, want nil", err)
		}
	}
	h.wantNothing(t)
}
