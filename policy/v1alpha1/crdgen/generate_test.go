// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

var sources = []string{"../types.go", "../rules.go"}

func TestCommittedDefinitionsAreUpToDate(t *testing.T) {
	definitions, err := generate(sources)
	if err != nil {
		t.Fatal(err)
	}
	if len(definitions) != 2 {
		t.Errorf("got %d definitions, want 2", len(definitions))
	}
	for name, want := range definitions {
		got, err := os.ReadFile(filepath.Join("../../../deploy/crds", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("deploy/crds/%s is not what the types say: go generate ./policy/v1alpha1", name)
		}
	}
}

func TestRunWritesTheDefinitions(t *testing.T) {
	dir := t.TempDir()
	var stderr bytes.Buffer
	args := []string{"-types", "../types.go,../rules.go", "-out", dir}
	if code := run(args, &stderr); code != 0 {
		t.Fatalf("got exit code %d and %q, want 0", code, stderr.String())
	}
	for _, name := range []string{"bulkhead.dev_segments.yaml",
		"bulkhead.dev_segmentationpolicies.yaml"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestUnknownConstructsAreRefused(t *testing.T) {
	typ := "package x\n// T is\n// +crd:plural=ts\n"
	cases := map[string]string{
		"marker":   typ + "type T struct {\n\t// +nope\n\tA string `json:\"a\"`\n}\n",
		"type":     typ + "type T struct {\n\tA uint8 `json:\"a\"`\n}\n",
		"import":   typ + "type T struct {\n\tA y.Z `json:\"a\"`\n}\n",
		"map":      typ + "type T struct {\n\tA map[string]string `json:\"a\"`\n}\n",
		"no rules": typ + "// +validation:XValidation:rule=a\ntype T struct{}\n",
		"not Go":   "package",
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x.go")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := generate([]string{file}); err == nil {
				t.Error("got no error, want one")
			}
		})
	}
}
