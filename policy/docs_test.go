// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

func TestExamplesOfTheLanguageLoad(t *testing.T) {
	text, err := os.ReadFile("../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	var files []File
	for i, block := range yamlBlock.FindAllSubmatch(text, -1) {
		files = append(files, File{Name: fmt.Sprintf("block-%d", i+1), Data: block[1]})
	}
	if len(files) < 7 {
		t.Errorf("got %d examples in docs/policy.md, want at least 7", len(files))
	}
	set := Load(files, nil)
	for _, p := range set.Problems {
		t.Error(p)
	}
	seen := map[string]bool{}
	for _, d := range set.Documents {
		seen[d.Ref.Kind] = true
	}
	for _, k := range kinds() {
		if !seen[k.name] {
			t.Errorf("docs/policy.md has no example of a %s", k.name)
		}
	}
}

// presets are shipped under docs/examples; each must load alone and say nothing doubtful.
var presets = map[string]int{
	"default-deny.yaml":      2,
	"host-closed.yaml":       1,
	"cloud-metadata.yaml":    1,
	"management-planes.yaml": 1,
	"pci.yaml":               4,
}

func TestPresetsLoad(t *testing.T) {
	for name, documents := range presets {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("../docs/examples", name))
			if err != nil {
				t.Fatal(err)
			}
			set := Load([]File{{Name: name, Data: text}}, nil)
			for _, p := range append(set.Problems, Lint(set, nil)...) {
				t.Error(p)
			}
			if got := len(set.Documents); got != documents {
				t.Errorf("got %d documents, want %d", got, documents)
			}
		})
	}
}

func TestPresetsLoadTogether(t *testing.T) {
	var files []File
	for _, name := range sortedKeys(presets) {
		text, err := os.ReadFile(filepath.Join("../docs/examples", name))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, File{Name: name, Data: text})
	}
	set := Load(files, nil)
	for _, p := range append(set.Problems, Lint(set, nil)...) {
		t.Error(p)
	}
}
