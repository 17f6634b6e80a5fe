// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSweep(t *testing.T) {
	r := open(t, t.TempDir())
	put(t, r, sample("alive"))
	unfinished := filepath.Join(r.dir, temporary+fileName("dead/eth0"))
	if err := os.WriteFile(unfinished, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Sweep(); err != nil {
			t.Fatal(err)
		}
		want(t, r, sample("alive"))
		entries, err := os.ReadDir(r.dir)
		if err != nil || len(entries) != 2 {
			t.Errorf("files: got %v, %v, want the attachment and corrupt/", entries, err)
		}
	}
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
	if err := r.Sweep(); err == nil {
		t.Error("without a directory: got nil, want an error")
	}
}
