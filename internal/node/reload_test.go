// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"os"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// stays is a node that stays open, and is compared after each step with one that is opened anew.
type stays struct {
	*node.Node
	site *site
}

func (n stays) same(t *testing.T, step string) {
	t.Helper()
	fresh, err := node.OpenReadOnly(n.site.options)
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	got, err := n.Desired()
	if err != nil {
		t.Fatal(err)
	}
	want, err := fresh.Desired()
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != want.String() {
		t.Errorf("after %s: a node that stays wants other rules than one that is opened now", step)
	}
	if drift, err := n.Verify(t.Context()); err != nil || len(drift) > 0 {
		t.Errorf("after %s: drift %v, %v", step, drift, err)
	}
}

// reloaded demands that the policies are read and applied, or that reading fails.
func (n stays) reloaded(t *testing.T, step string, readable bool) node.Report {
	t.Helper()
	if err := n.Reload(); (err == nil) != readable {
		t.Fatalf("reload after %s: got %v", step, err)
	}
	if !readable {
		return node.Report{}
	}
	report, err := n.Apply(t.Context())
	if err != nil {
		t.Fatalf("apply after %s: %v", step, err)
	}
	n.same(t, step)
	return report
}

// openToStay opens a node with three endpoints, of which b serves.
func openToStay(t *testing.T) stays {
	t.Helper()
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	opened, err := node.Open(t.Context(), s.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	n := stays{opened, s}
	for _, name := range []string{"a", "b", "c"} {
		if _, err := n.Attach(t.Context(), s.attachment(name)); err != nil {
			t.Fatal(err)
		}
		n.same(t, "attaching "+name)
	}
	s.reach(t, "c", "10.1.0.3:80", nil)
	return n
}

// TestReload: one process that keeps the node for long sees what many short ones would.
func TestReload(t *testing.T) {
	n := openToStay(t)
	s := n.site
	s.policies(t, onlyAReachesB)
	if r := n.reloaded(t, "an edit", true); !r.Changed || !r.Flipped || r.Rebuilt != "" {
		t.Errorf("an edit: got %+v", r)
	}
	s.reach(t, "c", "10.1.0.3:80", testnet.ErrTimeout)
	if r := n.reloaded(t, "no edit", true); r.Changed {
		t.Errorf("no edit: got %+v, want no change", r)
	}
	// A broken edit keeps the last good version; a directory that is gone keeps all of them.
	s.policies(t, strings.Replace(onlyAReachesB, "ingress:", "ingres:", 1))
	n.reloaded(t, "a broken edit", true)
	s.reach(t, "c", "10.1.0.3:80", testnet.ErrTimeout)
	s.reach(t, "a", "10.1.0.3:80", nil)
	if err := os.Rename(s.options.PolicyDir, s.options.PolicyDir+".gone"); err != nil {
		t.Fatal(err)
	}
	n.reloaded(t, "the loss of the directory", false)
	if _, err := n.Apply(t.Context()); err == nil {
		t.Error("apply without policies: got success")
	}
	s.reach(t, "c", "10.1.0.3:80", testnet.ErrTimeout)
	if err := os.Rename(s.options.PolicyDir+".gone", s.options.PolicyDir); err != nil {
		t.Fatal(err)
	}
	n.reloaded(t, "its return", true)
	s.policies(t, "")
	n.reloaded(t, "the last policy", true)
	s.reach(t, "c", "10.1.0.3:80", nil)
}

// TestForeignHandsOnANodeThatStays: what it remembers does not hide what others did meanwhile.
func TestForeignHandsOnANodeThatStays(t *testing.T) {
	n := openToStay(t)
	s := n.site
	s.policies(t, onlyAReachesB)
	n.reloaded(t, "an edit", true)
	s.net.Nft(t, "flush ruleset")
	s.reach(t, "c", "10.1.0.3:80", nil) // nothing of ours is there
	if r := n.reloaded(t, "a foreign flush", true); r.Rebuilt == "" {
		t.Errorf("a foreign flush: got %+v, want a rebuild", r)
	}
	s.net.Nft(t, "flush chain ip bulkhead forward-judge")
	if r := n.reloaded(t, "a foreign change", true); r.Rebuilt == "" {
		t.Errorf("a foreign change: got %+v, want a rebuild", r)
	}
	s.reach(t, "c", "10.1.0.3:80", testnet.ErrTimeout)
	_, err := n.Detach(t.Context(), func(a endpoint.Attachment) bool {
		return a.Endpoint.Name == "a"
	})
	if err != nil {
		t.Fatal(err)
	}
	n.same(t, "detaching")
}
