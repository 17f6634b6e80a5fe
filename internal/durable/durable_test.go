// SPDX-License-Identifier: Apache-2.0

package durable_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/durable"
)

// What a crash has left under the temporary name is in nobody's way, and nothing is left of it.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, ".tmp-a")
	for _, text := range []string{"one", "two"} {
		if err := os.Mkdir(left, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := durable.Replace(dir, ".tmp-a", "a", []byte(text)); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "a"))
		info, serr := os.Stat(filepath.Join(dir, "a"))
		if err != nil || serr != nil || string(got) != text || info.Mode().Perm() != 0o600 {
			t.Errorf("got %q, %v, %v, want %q of root alone", got, info, err, text)
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
			t.Errorf("got %v, %v, want one file", files, err)
		}
	}
}

// What cannot take the place of the old one leaves it as it was, and itself nowhere.
func TestReplaceThatFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a", "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := durable.Replace(dir, ".tmp-a", "a", []byte("text")); err == nil {
		t.Error("directory in the place of the file: got no error")
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("got %v, %v, want what was there", files, err)
	}
	if err := durable.Replace(filepath.Join(dir, "none"), ".tmp-a", "a", nil); err == nil {
		t.Error("no such directory: got no error")
	}
}
