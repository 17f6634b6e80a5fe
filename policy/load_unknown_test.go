// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.yaml.in/yaml/v4"
)

// inject writes the documents of a text again with an unknown field in the n-th of their
// mappings, or in none if n is negative. It reports false when there is no such mapping.
func inject(text []byte, n int) ([]byte, bool) {
	var out bytes.Buffer
	found := n < 0
	for _, c := range split(text) {
		node, problem := parse("f.yaml", c)
		if problem != nil || node == nil {
			continue
		}
		copied := (*yaml.Node)(expand(node))
		injectInto(copied, &n, &found)
		raw, err := yaml.Marshal(copied)
		if err != nil {
			return nil, false
		}
		out.WriteString("---\n")
		out.Write(raw)
	}
	return out.Bytes(), found
}

func injectInto(node *yaml.Node, n *int, found *bool) {
	if node.Kind == yaml.MappingNode {
		if *n == 0 {
			*found = true
			node.Content = append(node.Content,
				&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "surprise"},
				&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "text"})
		}
		*n--
	}
	for _, child := range node.Content {
		injectInto(child, n, found)
	}
}

// accepts counts the rules that accept something.
func accepts(set *Set) int {
	n := 0
	for _, p := range set.Policies {
		for _, rules := range p.Rules {
			for _, r := range rules {
				if p.RuleAction(r) == Accept && (r.AnyPeer || len(r.Peers) > 0) {
					n++
				}
			}
		}
	}
	return n
}

// TestUnknownFieldsNeverOpen puts an unknown field into every mapping of every good document.
// Where labels are expected it is a label; everywhere else its document must be rejected.
func TestUnknownFieldsNeverOpen(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rejectedDocuments := 0
	for _, file := range files {
		t.Run("S0.4 "+filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			plain, _ := inject(text, -1)
			before := Load([]File{{Name: "f.yaml", Data: plain}}, nil)
			for n := 0; ; n++ {
				changed, ok := inject(text, n)
				if !ok {
					break
				}
				after := Load([]File{{Name: "f.yaml", Data: changed}}, nil)
				if HasErrors(after.Problems) {
					rejectedDocuments++
				}
				checkNotOpened(t, changed, before, after)
			}
		})
	}
	if rejectedDocuments < 100 {
		t.Errorf("got %d rejections, want at least 100: the fields are not where they matter",
			rejectedDocuments)
	}
}

func checkNotOpened(t *testing.T, text []byte, before, after *Set) {
	t.Helper()
	if got, want := accepts(after), accepts(before); got > want {
		t.Errorf("got %d rules that accept, want at most %d:\n%s", got, want, text)
	}
	for _, p := range after.Policies {
		inForce := slices.ContainsFunc(after.Documents, func(d Document) bool {
			return d.Ref == p.Ref
		})
		for _, rules := range p.Rules {
			for _, r := range rules {
				if !inForce && p.RuleAction(r) == Accept {
					t.Errorf("got %s of the rejected %s, want no rule that accepts:\n%s",
						ruleText(p, r), p.Ref, text)
				}
			}
		}
	}
}

// FuzzLoad feeds the loader anything: it must not panic, must not print what it was given raw,
// must accept what it accepted when it is handed back as the last good version, and an unknown
// field must never open anything.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml",
		"../docs/examples/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for i, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text, uint16(i*7))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, n uint16) {
		set := Load([]File{{Name: "f.yaml", Data: text}}, nil)
		for _, p := range append(set.Problems, Lint(set, nil)...) {
			if s := p.String(); printable(s) != s {
				t.Errorf("got a problem with raw control characters: %q", s)
			}
		}
		again := Load([]File{{Name: "f.yaml", Data: text}}, set.Documents)
		if summary(again) != summary(set) {
			t.Errorf("got\n%swith the own documents as last good ones, want\n%s", summary(again),
				summary(set))
		}
		plain, _ := inject(text, -1)
		changed, ok := inject(text, int(n))
		if !ok {
			return
		}
		before := Load([]File{{Name: "f.yaml", Data: plain}}, nil)
		checkNotOpened(t, changed, before, Load([]File{{Name: "f.yaml", Data: changed}}, nil))
	})
}
