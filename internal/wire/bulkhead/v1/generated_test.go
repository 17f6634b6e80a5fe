// SPDX-License-Identifier: Apache-2.0

package bulkheadv1

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGenerated: the committed code is what the schema generates.
func TestGenerated(t *testing.T) {
	dir := t.TempDir()
	// Relative to the generator's directory.
	out, err := exec.Command("go", "run", "-C", "../../../../hack/protogen", ".", "-root",
		"../../internal/wire", "-out", dir, "bulkhead/v1/denials.proto").CombinedOutput()
	if err != nil {
		t.Fatalf("protogen: %v\n%s", err, out)
	}
	want, err := os.ReadFile(filepath.Join(dir, "bulkhead/v1/denials.pb.go"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("denials.pb.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("denials.pb.go: got other code than denials.proto gives, want make generate")
	}
}
