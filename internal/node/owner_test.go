// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/source/files"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// openAs opens the site's node and fails the test if it cannot.
func (s *site) openAs(t *testing.T, agent bool) *node.Node {
	t.Helper()
	o := s.options
	o.Agent = agent
	n, err := node.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// refused wants Open to say at once whose the node is.
func (s *site) refused(t *testing.T, words ...string) {
	t.Helper()
	began := time.Now()
	n, err := node.Open(t.Context(), s.options)
	if err == nil {
		n.Close()
	}
	if !errors.Is(err, node.ErrOwned) || !errors.Is(err, endpoint.ErrOwned) {
		t.Errorf("open: got %v, want ErrOwned", err)
		return
	}
	if d := time.Since(began); d > time.Second {
		t.Errorf("open: got an error after %v, want no wait", d)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("open: got %v, want %q in it", err, w)
		}
	}
}

func TestAgentOwnsNode(t *testing.T) {
	s := newSite(t)
	s.attach(t, "a")
	if _, owned, err := node.Owner(s.options.StateDir); owned || err != nil {
		t.Fatalf("before: got owned %t and %v, want neither", owned, err)
	}
	agent := s.openAs(t, true)
	want := node.Ownership{Socket: "/run/x/agent.sock", PID: 42,
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	if err := agent.Own(want); err != nil {
		t.Fatal(err)
	}
	if got, owned, err := node.Owner(s.options.StateDir); got != want || !owned || err != nil {
		t.Errorf("owner: got %v, %t and %v, want %v", got, owned, err, want)
	}
	// While the agent holds the lock, and when it has died.
	s.refused(t, "/run/x/agent.sock", "42", s.options.StateDir)
	if err := agent.Close(); err != nil {
		t.Fatal(err)
	}
	s.refused(t, "/run/x/agent.sock")
	told, err := node.OpenReadOnly(s.options)
	if err != nil {
		t.Fatalf("read-only: got %v, want a node", err)
	}
	if err := told.Check(t.Context(), s.id("a")); err != nil {
		t.Errorf("read-only check: got %v, want nil", err)
	}
	if told.Own(want) == nil || told.Disown() == nil {
		t.Error("read-only: got a change of the owner, want an error")
	}
	told.Close()
	agent = s.openAs(t, true)
	for range 2 {
		if err := agent.Disown(); err != nil {
			t.Errorf("disown: got %v, want nil", err)
		}
	}
	agent.Close()
	s.attach(t, "b")
}

// TestOwnedWhileWaiting: whoever waited for the lock learns of an agent that came meanwhile.
func TestOwnedWhileWaiting(t *testing.T) {
	s := newSite(t)
	agent := s.openAs(t, true)
	waited := make(chan error, 1)
	go func() {
		n, err := node.Open(context.Background(), s.options)
		if err == nil {
			n.Close()
		}
		waited <- err
	}()
	time.Sleep(100 * time.Millisecond)
	if err := errors.Join(agent.Own(node.Ownership{Socket: "/s"}), agent.Close()); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; !errors.Is(err, node.ErrOwned) {
		t.Errorf("waited: got %v, want ErrOwned", err)
	}
	agent = s.openAs(t, true) // and the lock was given back
	agent.Close()
}

// TestOwnerThatCannotBeBelieved: a node that may be an agent's is.
func TestOwnerThatCannotBeBelieved(t *testing.T) {
	s := newSite(t)
	s.attach(t, "a")
	path := filepath.Join(s.options.StateDir, "owner")
	for _, text := range []string{"", "{", `{"socket": ""}`, `{"socket": "here"}`, `[]`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.refused(t, path)
		if _, _, err := node.Owner(s.options.StateDir); err == nil {
			t.Errorf("%q: got an owner, want an error", text)
		}
	}
	agent := s.openAs(t, true)
	if err := agent.Own(node.Ownership{Socket: "relative"}); err == nil {
		t.Error("relative socket: got nil, want an error")
	}
	if err := errors.Join(agent.Own(node.Ownership{Socket: "/s"}), agent.Close()); err != nil {
		t.Errorf("own again: got %v, want nil", err)
	}
	s.refused(t, "/s")
}

// TestInPlaceOf: the policies of a node are those that its agent reads.
func TestInPlaceOf(t *testing.T) {
	mine := node.Options{StateDir: "/s", PolicyDir: "/mine"}
	for dir, want := range map[string]string{"": "/mine", "/agents": "/agents"} {
		got := mine.InPlaceOf(node.Ownership{Socket: "/x", PolicyDir: dir})
		if got.PolicyDir != want || !got.Agent || got.StateDir != "/s" {
			t.Errorf("%q: got %+v, want policies of %s", dir, got, want)
		}
	}
}

func TestUninstallEndsOwnership(t *testing.T) {
	s := newSite(t)
	agent := s.openAs(t, true)
	if err := agent.Own(node.Ownership{Socket: "/s"}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(agent.Uninstall(t.Context()), agent.Close()); err != nil {
		t.Fatal(err)
	}
	s.attach(t, "a")
}

// TestInTheAgentsPlace: whoever acts for an agent that is down does not follow a policy file that
// is being written; the agent does when it is back.
func TestInTheAgentsPlace(t *testing.T) {
	s := newSite(t)
	s.policies(t, onlyAReachesB)
	s.boxes["b"].Serve(t, "tcp", 80)
	for _, name := range []string{"a", "b", "c"} {
		s.attach(t, name)
	}
	s.reach(t, "c", "10.1.0.3:80", testnet.ErrTimeout)
	s.policies(t, "") // the first half of an edit in place
	n := s.openAs(t, true)
	_, err := n.Detach(t.Context(), func(a endpoint.Attachment) bool {
		return a.Endpoint.Name == "a"
	})
	if err = errors.Join(err, n.Close()); err != nil {
		t.Fatal(err)
	}
	s.reach(t, "c", "10.1.0.3:80", testnet.ErrTimeout)

	s.options.Agent, s.options.ReadPolicies = true, func() ([]policy.File, error) {
		return files.Read(s.options.PolicyDir)
	}
	s.do(t, func(ctx context.Context, n *node.Node) (node.Report, error) { return n.Follow(ctx) })
	s.reach(t, "c", "10.1.0.3:80", nil)
}
