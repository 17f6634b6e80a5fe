// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/policy"
)

// TestPolicies holds the demo's documents, with the presets it adds, to what is asked of the
// presets: nothing wrong, nothing doubtful, and the line that the edit replaces is there.
func TestPolicies(t *testing.T) {
	const examples = "../../docs/examples"
	paths, err := filepath.Glob(filepath.Join(examples, "demo", "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("got %v, %v, want the demo's policies", paths, err)
	}
	for _, name := range presets {
		paths = append(paths, filepath.Join(examples, name))
	}
	var files []policy.File
	edited := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, policy.File{Name: path, Data: text})
		if filepath.Base(path) == editedFile {
			edited = strings.Count(string(text), oldLine)
		}
	}
	set := policy.Load(files, nil)
	for _, p := range append(set.Problems, policy.Lint(set, nil)...) {
		t.Error(p)
	}
	if edited != 1 {
		t.Errorf("%s: got the line to edit %d times, want once", editedFile, edited)
	}
}
