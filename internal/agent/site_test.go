// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agent"
	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// site is a host with containers a, b and x on one bridge and c on a link of its own, and room for
// an agent.
type site struct {
	net     *testnet.Net
	options agent.Options
	boxes   map[string]*testnet.Container
	plugs   map[string]testnet.Attachment
	log     *lockedBuffer
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{net: testnet.New(t), boxes: map[string]*testnet.Container{},
		plugs: map[string]testnet.Attachment{}, log: &lockedBuffer{}}
	s.options = agent.Options{
		Node: node.Options{StateDir: filepath.Join(dir, "state"),
			PolicyDir: filepath.Join(dir, "policies"), NetNS: s.net.FD()},
		Socket: filepath.Join(dir, "state", "agent.sock"),
		Log:    slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if err := os.Mkdir(s.options.Node.PolicyDir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.net.Bridge(t, "br0", "10.1.0.1/24", "fd00:1::1/64")
	for name, octet := range map[string]string{"a": "2", "b": "3", "x": "9"} {
		s.boxes[name] = s.net.AddContainer(t, name)
		s.plugs[name] = s.net.AttachBridged(t, s.boxes[name], "br0", testnet.Plug{
			Addresses: []string{"10.1.0." + octet + "/24", "fd00:1::" + octet + "/64"},
			Gateways:  []string{"10.1.0.1", "fd00:1::1"}})
	}
	s.boxes["c"] = s.net.AddContainer(t, "c")
	s.plugs["c"] = s.net.AttachRouted(t, s.boxes["c"], testnet.Plug{
		Addresses: []string{"10.2.0.2/32", "fd00:2::2/128"},
		Gateways:  []string{"169.254.1.1", "fd00:2::1"}})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the agent:\n%s", s.log)
		}
	})
	return s
}

// start runs an agent until the function returned is called, or the test ends.
func (s *site) start(t *testing.T) (stop func()) {
	t.Helper()
	stop = s.launch(t, s.options)
	s.await(t, "ready", func() bool { return len(s.ready(t).Missing) == 0 })
	return stop
}

func (s *site) launch(t *testing.T, o agent.Options) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx, o) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("agent: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func (s *site) await(t *testing.T, what string, happened func() bool) time.Duration {
	t.Helper()
	return s.awaitFor(t, 10*time.Second, what, happened)
}

func (s *site) awaitFor(t *testing.T, patience time.Duration, what string,
	happened func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !happened() {
		if time.Since(start) > patience {
			t.Fatalf("%s: not within %v", what, patience)
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(start)
}

// ask sends a request and reads the result into v.
func (s *site) ask(t *testing.T, r agentapi.Request, v any) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	reply, err := agentapi.Call(ctx, s.options.Socket, r)
	if err != nil || v == nil {
		return err
	}
	return reply.Decode(v)
}

func (s *site) must(t *testing.T, r agentapi.Request) {
	t.Helper()
	if err := s.ask(t, r, nil); err != nil {
		t.Fatalf("%s: %v", r.Verb, err)
	}
}

// ready is what the agent is not ready for; an agent that does not answer lacks everything.
func (s *site) ready(t *testing.T) agentapi.Ready {
	t.Helper()
	var r agentapi.Ready
	if err := s.ask(t, agentapi.Request{Verb: agentapi.VerbReady}, &r); err != nil {
		return agentapi.Ready{Missing: []string{err.Error()}}
	}
	return r
}

func (s *site) summary(t *testing.T) agent.Summary {
	t.Helper()
	var v agent.Summary
	if err := s.ask(t, agentapi.Request{Verb: agentapi.VerbStatus}, &v); err != nil {
		t.Fatalf("status: %v", err)
	}
	return v
}

func (s *site) attachment(name string) endpoint.Attachment {
	p := s.plugs[name]
	id := strings.Repeat(name, 12)
	return endpoint.Attachment{
		Endpoint: policy.Endpoint{ID: endpoint.ID(id, "eth0"), Namespace: "shop", Name: name,
			Interface: "eth0", Labels: map[string]string{"app": name}, Addresses: p.Addresses},
		ContainerID: id, NetworkName: "test", HostInterface: p.HostInterface, Bridge: p.Bridge,
		MAC: p.MAC.String(), Created: time.Now().UTC().Round(0),
	}
}

func (s *site) attach(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		a := s.attachment(name)
		s.must(t, agentapi.Request{Verb: agentapi.VerbAttach, Attach: &a})
	}
}

func (s *site) detach(t *testing.T, name string) {
	t.Helper()
	s.must(t, agentapi.Request{Verb: agentapi.VerbDetach, Detach: &agentapi.Interface{
		ContainerID: strings.Repeat(name, 12), Interface: "eth0"}})
}

func id(name string) string { return endpoint.ID(strings.Repeat(name, 12), "eth0") }

// write puts a policy file in place as one should.
func (s *site) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(s.options.Node.PolicyDir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func (s *site) reach(t *testing.T, from, addr string, want error) {
	t.Helper()
	if got := s.boxes[from].Dial("tcp", addr, 0); !errors.Is(got, want) {
		t.Errorf("%s -> %s: got %v, want %v", from, addr, got, want)
	}
}

// reaches waits until a probe ends as wanted.
func (s *site) reaches(t *testing.T, what, from, addr string, want error) time.Duration {
	t.Helper()
	return s.await(t, what, func() bool {
		return errors.Is(s.boxes[from].Dial("tcp", addr, 200*time.Millisecond), want)
	})
}

const bClosed = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: b, namespace: shop}
spec:
  podSelector: {matchLabels: {app: b}}
  policyTypes: [Ingress]
`

const onlyAReachesB = bClosed + `
  ingress:
  - from: [{podSelector: {matchLabels: {app: a}}}]
`

const bAt = "10.1.0.3:80"
