// SPDX-License-Identifier: Apache-2.0

package clauses

import (
	"flag"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
)

var update = flag.Bool("update", false, "rewrite docs/clauses.md")

const (
	root     = "../.."
	document = root + "/docs/clauses.md"
)

func proofs(t *testing.T) []Proof {
	t.Helper()
	var paths []string
	for _, dir := range []string{"policy", "internal", "plugin", "cmd", "e2e"} {
		err := fs.WalkDir(os.DirFS(root), dir, func(p string, _ fs.DirEntry, err error) error {
			paths = append(paths, p)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	out, err := Scan(os.DirFS(root), paths)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tags(proofs []Proof) []string {
	var out []string
	for _, p := range proofs {
		out = append(out, p.Clause)
	}
	return out
}

// TestDocument compares docs/clauses.md with what the tests say now. Rewrite it with -update.
func TestDocument(t *testing.T) {
	want := Document(proofs(t))
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/clauses.md is stale: run make generate")
	}
}

func TestEveryClauseHasTests(t *testing.T) {
	found := tags(proofs(t))
	for _, c := range Missing(found) {
		t.Errorf("clause %s has no test: %s", c.ID, c.Text)
	}
	for _, id := range Unknown(found) {
		t.Errorf("a test names %s, which is no clause", id)
	}
}

func TestScan(t *testing.T) {
	files := fstest.MapFS{
		"policy/a_test.go": {Data: []byte(`package policy

// TestOne proves S1.14 in its comment.
func TestOne(t *testing.T) {
	t.Run("S1.1 first", nil)
	// S1.2 is a comment inside and proves nothing.
	t.Run("S2.3.a with a letter", nil)
	_ = "S1.3\nin a document"
	t.Run("S1.16 "+name, nil)
}

// S1.4 is the comment of a helper.
func helper() {}
`)},
		"policy/testdata/a.table":     {Data: []byte("# S1.5\n## S1.1 first\nS1.6\n## S1.7 row\n")},
		"e2e/kernel/testdata/a.table": {Data: []byte("## S1.1 first\n")},
		"policy/a.go":                 {Data: []byte("package policy\n\nvar a = `S1.8`\n")},
	}
	got, err := Scan(files, []string{"policy/a.go", "policy/a_test.go", "policy/testdata/a.table",
		"e2e/kernel/testdata/a.table"})
	if err != nil {
		t.Fatal(err)
	}
	want := []Proof{
		{"S1.14", "policy/a_test.go", "S1.14 TestOne"},
		{"S1.1", "policy/a_test.go", "S1.1 first"},
		{"S2.3.a", "policy/a_test.go", "S2.3.a with a letter"},
		{"S1.16", "policy/a_test.go", "S1.16"},
		{"S1.7", "policy/testdata/a.table", "S1.7 row"},
		{"S1.1", "e2e/kernel/testdata/a.table", "S1.1 first"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("proofs: got %v, want %v", got, want)
	}
}

func TestOfTest(t *testing.T) {
	proofs := []Proof{{"S1.14", "e2e/kernel/a_test.go", "S1.14 TestOne"}}
	for name, want := range map[string][]string{
		"TestOne":                         {"S1.14"},
		"TestTwo":                         nil,
		"TestTwo/S2.3.a_Accept":           {"S2.3.a"},
		"TestOne/x=1/S1.1_first":          {"S1.1", "S1.14"},
		"TestTwo/S1.10_with_S1.1_in_vain": {"S1.10", "S1.1"},
	} {
		if got := OfTest(proofs, name); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestMissingAndUnknown(t *testing.T) {
	var all []string
	for _, chapter := range Chapters() {
		for _, c := range chapter.Clauses {
			all = append(all, c.ID)
		}
	}
	if got := Missing(all); len(got) != 0 {
		t.Errorf("missing of all: got %v, want none", got)
	}
	if got := Missing(all[1:]); len(got) != 1 || got[0].ID != all[0] {
		t.Errorf("missing of all but one: got %v, want %s", got, all[0])
	}
	if got := Unknown([]string{"S1.1", "S9.9"}); !reflect.DeepEqual(got, []string{"S9.9"}) {
		t.Errorf("unknown: got %v, want S9.9", got)
	}
}

func TestDocumentRow(t *testing.T) {
	text := Document([]Proof{
		{"S1.1", "policy/a_test.go", "S1.1 one|two"}, {"S1.1", "policy/a_test.go", "S1.1"},
		{"S1.1", "e2e/kernel/testdata/a.table", "S1.1 three"}, {"S1.10", "plugin/b_test.go", "S1.10 x"},
	})
	for _, want := range []string{"| `a_test.go`: one\\|two; each case | `a.table`: three |  |\n",
		"|  |  | `plugin/b_test.go`: x |\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("document: got %s, want a row with %s", text, want)
		}
	}
}
