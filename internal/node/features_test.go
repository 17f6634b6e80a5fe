// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// A kernel that lacks what our rules need says so before anybody is attached, and nothing is left
// of the question.
func TestFeatures(t *testing.T) {
	s := newSite(t)
	n, err := node.Open(t.Context(), s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if err := n.Features(t.Context()); err != nil {
		t.Errorf("whole kernel: got %v, want nil", err)
	}
	// A hook holds so many chains, and no more: the last one of our three tables finds no place.
	fill(t, s.net)
	err = n.Features(t.Context())
	if err == nil || !strings.Contains(err.Error(), "bridge") {
		t.Errorf("hook that is full: got %v, want an error that names the bridge", err)
	}
	if got := s.net.Run(t, "nft", "list", "tables"); strings.Contains(got, "bulkhead") {
		t.Errorf("tables: got %s, want none of ours", got)
	}
	s.net.Run(t, "nft", "delete", "table", "bridge", "full")
	if err := n.Features(t.Context()); err != nil {
		t.Errorf("hook that has a place again: got %v, want nil", err)
	}
}

// fill adds chains to the hook forward of the bridge until it takes no more.
func fill(t *testing.T, net *testnet.Net) {
	t.Helper()
	var most strings.Builder
	most.WriteString("table bridge full {\n")
	for i := range 1000 {
		fmt.Fprintf(&most, "chain c%d { type filter hook forward priority 100; }\n", i)
	}
	net.Nft(t, most.String()+"}\n")
	for i := 1000; ; i++ {
		chain := fmt.Sprintf("add chain bridge full c%d { type filter hook forward priority 100; }", i)
		out, err := net.Command("", "nft", chain)
		if err != nil && strings.Contains(out, "too long") {
			return
		}
		if err != nil || i > 1100 {
			t.Fatalf("chain %d: %v\n%s", i, err, out)
		}
	}
}
