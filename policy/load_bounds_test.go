// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestBounds gives the loader what is meant to exhaust it.
func TestBounds(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 12; i++ {
		item := fmt.Sprintf("*a%d,", i-1)
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(item, 10), ","))
	}
	cases := []struct{ name, text, want string }{
		{"alias bomb", bomb.String(), "f.yaml:6:18: found more than 400000 values, aliases " +
			"counted where they are used"},
		{"alias inside its own anchor", "a: &a [*a]\n", "f.yaml:1:8: found more than 32 levels " +
			"of nesting"},
		{"deep flow", strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
			"f.yaml:1:34: found more than 32 levels of nesting"},
		{"deeper than the parser goes", strings.Repeat("[", 20000),
			"f.yaml:1:10001: not valid YAML: while increasing flow level: exceeded max depth " +
				"of 10000"},
		{"deep blocks", strings.Repeat("- ", 5000) + "x", "f.yaml:1:67: found more than 32 levels " +
			"of nesting"},
		{"size", "a: " + strings.Repeat("x", 5<<20), "f.yaml:1:1: found a document of 5242883 " +
			"bytes, accepted at most 4194304"},
		{"UTF-16", "\xff\xfea\x00", "f.yaml:1:1: found the byte 0xff, accepted printable UTF-8 text"},
		{"control character", "a: b\nb: \x1b[31m", "f.yaml:2:4: found the control character " +
			"U+001B, accepted printable UTF-8 text"},
		{"a document hidden behind a carriage return", "kind: List\r---\rkind: Segment\r",
			`f.yaml:1:1: found more behind the end of the document, accepted documents ` +
				`separated by "---" on a line of its own`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			set := Load([]File{{Name: "f.yaml", Data: []byte(c.text)}}, nil)
			if len(set.Problems) == 0 || set.Problems[0].String() != c.want {
				t.Errorf("got %v, want %s", set.Problems, c.want)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %s, want at most 5s", took)
			}
			if len(set.Documents)+len(set.Policies) > 0 {
				t.Errorf("got %d documents and %d policies, want none", len(set.Documents),
					len(set.Policies))
			}
		})
	}
}

func TestProblemsOfOneDocumentAreBounded(t *testing.T) {
	text := npDocument("{podSelector: {}, ingress: [" + strings.Repeat("{x: 1}, ", 1000) + "]}")
	set := Load([]File{{Name: "f.yaml", Data: []byte(text)}}, nil)
	if len(set.Problems) != maxProblems+1 {
		t.Fatalf("got %d problems, want %d and the note that there are more", len(set.Problems),
			maxProblems)
	}
	if !warns(set.Problems, "the rest is not listed") {
		t.Errorf("got no note that there are more")
	}
}

func TestSplitKeepsLines(t *testing.T) {
	cases := []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"comments", "# a\n---\n\n# b\n---", nil},
		{"one", "a: 1", []string{"1:a: 1"}},
		{"two", "a: 1\n---\nb: 2\n", []string{"1:a: 1\n", "2:---\nb: 2\n"}},
		{"dashes inside", "a: |\n  ---\nb: ---x\n----\n", []string{"1:a: |\n  ---\nb: ---x\n----\n"}},
		{"end marker", "a: 1\n...\nb: 2\n", []string{"1:a: 1\n", "3:b: 2\n"}},
		{"carriage returns", "a: 1\r\n---\r\nb: 2\r\n", []string{"1:a: 1\r\n", "2:---\r\nb: 2\r\n"}},
		{"content behind the marker", "--- {a: 1}\n--- # no\n", []string{"1:--- {a: 1}\n"}},
		{"byte order mark", "\ufeffa: 1\n", []string{"1:a: 1\n"}},
		{"directive", "%YAML 1.2\n---\na: 1\n", []string{"2:---\na: 1\n"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, chunk := range split([]byte(c.text)) {
				got = append(got, fmt.Sprintf("%d:%s", chunk.line, chunk.data))
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
