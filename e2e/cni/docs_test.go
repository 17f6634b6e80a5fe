// SPDX-License-Identifier: Apache-2.0

package cni_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"
)

// examples returns the JSON blocks of the manual.
func examples(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/plugin.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for part := range strings.SplitSeq(string(text), "```json\n") {
		if block, _, ok := strings.Cut(part, "\n```\n"); ok && strings.HasPrefix(block, "{") {
			blocks = append(blocks, block)
		}
	}
	return blocks
}

// TestExamples: the networks of the manual work as they are printed, but for directories.
func TestExamples(t *testing.T) {
	blocks := examples(t)
	if len(blocks) != 2 {
		t.Fatalf("examples: got %d, want 2", len(blocks))
	}
	for _, block := range blocks {
		var list object
		if err := json.Unmarshal([]byte(block), &list); err != nil {
			t.Fatalf("%s: %v", block, err)
		}
		t.Run(list["name"].(string), func(t *testing.T) {
			h := newHost(t)
			h.policy(t, onlyWebToDB)
			plugins := list["plugins"].([]any)
			plugins[0].(object)["ipam"].(object)["dataDir"] = h.ipam
			last := plugins[1].(object)
			last["stateDir"], last["policyDir"] = h.state, h.policies
			text, err := json.Marshal(list)
			if err != nil {
				t.Fatal(err)
			}
			network, err := libcni.NetworkConfFromBytes(text)
			if err != nil {
				t.Fatal(err)
			}
			a := h.attach(t, network, "web1")
			if err := h.check(a); err != nil {
				t.Errorf("CHECK: %v", err)
			}
			if err := h.del(a); err != nil {
				t.Errorf("DEL: %v", err)
			}
			if h.registered(t) != 0 || strings.Contains(h.Run(t, "nft", "list", "tables"), "bulkhead") {
				t.Error("after DEL: got an attachment or a table, want none")
			}
		})
	}
}
