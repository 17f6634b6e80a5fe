// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestRestoreIsTheSetThatWas loads texts and restores the set from the documents that it tells.
func TestRestoreIsTheSetThatWas(t *testing.T) {
	cases := map[string]string{
		"nothing":                        "",
		"two and a comment before":       "# first\n\n" + goodWeb + goodDB,
		"a policy of a Segment":          goodZone + goodBorder + goodShop,
		"a Segment behind its policy":    goodBorder + goodZone,
		"a rejected policy":              badWeb + goodDB,
		"a rejected Segment":             badZone + goodBorder,
		"a Segment that is nowhere":      goodBorder + goodDB,
		"a rejected namespace":           badShop + goodWeb,
		"a document that is not YAML":    brokenAt + goodDB,
		"the end of a document in words": goodWeb + "...\n" + goodDB,
		"a name that is none": strings.Replace(badWeb, "name: web", "name: _", 1) +
			strings.Replace(goodDB, "name: db", "name: _", 1),
	}
	for _, pattern := range []string{"testdata/good/*", "testdata/bad/*", "../docs/examples/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: got no files, %v", pattern, err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			cases[path] = string(data)
		}
	}
	closed := 0
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			want := Load([]File{{Name: "a.yaml", Data: []byte(goodShop)},
				{Name: "b.yaml", Data: []byte(text)}}, nil)
			closed += len(want.Rejected)
			got, err := Restore(want.Documents, want.Rejected)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []*Set{got, want} {
				s.Problems = nil
				for _, p := range s.Policies {
					if strings.Contains(text, "List") {
						withoutPositions(p)
					}
				}
			}
			if len(got.Documents) == 0 || !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, want)
			}
		})
	}
	if closed < 20 {
		t.Errorf("got %d rejected documents, want at least 20", closed)
	}
}

// withoutPositions forgets positions: an item of a List is kept as a document of its own.
func withoutPositions(p *Policy) {
	p.Position = Position{}
	for _, rules := range p.Rules {
		for i := range rules {
			rules[i].Position = Position{}
		}
	}
}

func TestRestoreRefusesWhatLoadWouldNotTakeSo(t *testing.T) {
	at := func(ref Ref, text string) []Document {
		return []Document{{Ref: ref, File: "a.yaml", Line: 1, Raw: []byte(text)}}
	}
	web := Ref{Kind: KindNetworkPolicy, Namespace: "default", Name: "web"}
	for _, tc := range []struct {
		name               string
		accepted, rejected []Document
	}{
		{"rejected by now", at(web, badWeb), nil},
		{"accepted by now", nil, at(web, goodWeb)},
		{"another name", at(web, goodDB), nil},
		{"another name, rejected", nil, at(Ref{Kind: KindNetworkPolicy, Name: "x"}, badWeb)},
		{"no YAML", at(web, brokenAt), nil},
		{"no YAML, rejected", nil, at(web, brokenAt)},
		{"empty", at(web, ""), nil},
		{"a list", at(web, "kind: List\napiVersion: v1\nitems: []\n"), nil},
		{"an unknown kind", at(Ref{Kind: "x"}, "kind: x\n"), nil},
		{"a Segment that is missing", at(Ref{Kind: KindSegmentationPolicy, Name: "border"},
			goodBorder), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if s, err := Restore(tc.accepted, tc.rejected); err == nil || s != nil {
				t.Errorf("got %+v, %v, want an error alone", s, err)
			}
		})
	}
}
