// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"os"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/node"
)

// TestForeignStateDirectory: a directory that others can write holds no truth.
func TestForeignStateDirectory(t *testing.T) {
	s := newSite(t)
	s.attach(t, "a")
	refused := func(words string) {
		t.Helper()
		n, err := node.Open(t.Context(), s.options)
		if err == nil {
			n.Close()
		}
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("got %v, want %q", err, words)
		}
	}
	for _, mode := range []os.FileMode{0o777, 0o720, 0o702} {
		if err := os.Chmod(s.options.StateDir, mode); err != nil {
			t.Fatal(err)
		}
		refused("found mode")
	}
	if err := os.Chmod(s.options.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(s.options.StateDir, 1000, 1000); err != nil {
		t.Fatal(err)
	}
	refused("found owner 1000")
	if err := os.Chown(s.options.StateDir, os.Geteuid(), os.Getegid()); err != nil {
		t.Fatal(err)
	}
	s.detach(t, "a")
}
