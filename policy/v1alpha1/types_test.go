// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"go.yaml.in/yaml/v4"
)

// documents are the documents of our kinds in the shipped examples, and those that the loader
// is tested with.
func documents(t *testing.T) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for _, pattern := range []string{"../../docs/examples/*.yaml", "../../docs/examples/*/*.yaml",
		"../testdata/good/segmentation.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for i, part := range bytes.Split(text, []byte("\n---\n")) {
				var doc map[string]any
				if err := yaml.Unmarshal(part, &doc); err != nil {
					t.Fatalf("%s: %v", file, err)
				}
				if doc["apiVersion"] == "bulkhead.dev/v1alpha1" {
					out[fmt.Sprintf("%s#%d", filepath.Base(file), i)] = doc
				}
			}
		}
	}
	return out
}

// TestTypesHoldTheDocuments decodes documents that the loader takes into the types from which
// the schemas are made: no field may be unknown to them, and none may be lost.
func TestTypesHoldTheDocuments(t *testing.T) {
	kinds := map[string]int{}
	for name, doc := range documents(t) {
		kind, _ := doc["kind"].(string)
		kinds[kind]++
		var typed any = &SegmentationPolicy{}
		if kind == "Segment" {
			typed = &Segment{}
		}
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		strict := json.NewDecoder(bytes.NewReader(text))
		strict.DisallowUnknownFields()
		if err := strict.Decode(typed); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var back, want any
		again, err := json.Marshal(typed)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(again, &back); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		if !holds(back, want) {
			t.Errorf("%s: got %s, want all of %s", name, again, text)
		}
	}
	if kinds["Segment"] == 0 || kinds["SegmentationPolicy"] == 0 || len(kinds) != 2 {
		t.Errorf("kinds: got %v, want Segment and SegmentationPolicy", kinds)
	}
}

// holds tells whether got has everything that want has; what is empty may be left out.
func holds(got, want any) bool {
	wanted, ok := want.(map[string]any)
	if !ok {
		list, ok := want.([]any)
		if !ok {
			return reflect.DeepEqual(got, want)
		}
		found, ok := got.([]any)
		if !ok || len(found) != len(list) {
			return len(list) == 0
		}
		for i := range list {
			if !holds(found[i], list[i]) {
				return false
			}
		}
		return true
	}
	found, _ := got.(map[string]any)
	for key, value := range wanted {
		inner, ok := found[key]
		empty := value == nil || value == false || value == ""
		if !ok && !empty || ok && !holds(inner, value) {
			return false
		}
	}
	return true
}
