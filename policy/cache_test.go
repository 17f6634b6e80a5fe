// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/policy"
)

// everyFile is all YAML of the tests and the examples, good and bad.
func everyFile(t testing.TB) []policy.File {
	t.Helper()
	var files []policy.File
	for _, dir := range []string{"testdata", filepath.Join("..", "docs", "examples")} {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" {
				return err
			}
			data, err := os.ReadFile(path)
			files = append(files, policy.File{Name: path, Data: data})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(files) < 10 {
		t.Fatalf("got %d files, want those of the tests", len(files))
	}
	return files
}

// TestCacheChangesNothing loads all files with a cache that knows nothing, everything, the half,
// everything by way of its bytes, and other lines of the same text.
func TestCacheChangesNothing(t *testing.T) {
	files := everyFile(t)
	want := policy.Load(files, nil)
	var cache policy.Cache
	check := func(what string, changed bool) {
		t.Helper()
		if got := cache.Load(files, nil); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the set differs from that of Load", what)
		}
		if cache.Changed() != changed {
			t.Errorf("%s: got changed %t", what, cache.Changed())
		}
	}
	check("empty", true)
	check("full", false)
	cache.Load(files[:len(files)/2], nil)
	check("half", true)
	stored, err := policy.DecodeCache(cache.Encode())
	if err != nil {
		t.Fatal(err)
	}
	cache = *stored
	if got := cache.Load(files, nil); !reflect.DeepEqual(got, want) {
		t.Error("stored: the set differs from that of Load")
	}
	for i := range files {
		files[i].Data = append([]byte("# moved down\n\n"), files[i].Data...)
	}
	want = policy.Load(files, nil)
	check("moved", true)
}

// FuzzDecodeCache: bytes are a cache or an error, and what was read says what is loaded.
func FuzzDecodeCache(f *testing.F) {
	var cache policy.Cache
	text := []byte("kind: Namespace\nmetadata: {name: a, labels: {b: c}}\n")
	cache.Load([]policy.File{{Name: "a.yaml", Data: text}}, nil)
	f.Add(cache.Encode())
	f.Add([]byte(strings.Repeat("x", 40)))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := policy.DecodeCache(b)
		if err != nil {
			return
		}
		again, err := policy.DecodeCache(c.Encode())
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Errorf("decoded and encoded: got %v, another cache", err)
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	files := everyFile(b)
	b.Run("parsed", func(b *testing.B) {
		for b.Loop() {
			policy.Load(files, nil)
		}
	})
	b.Run("cached", func(b *testing.B) {
		var cache policy.Cache
		for b.Loop() {
			cache.Load(files, nil)
		}
	})
	b.Run("decoded", func(b *testing.B) {
		var cache policy.Cache
		cache.Load(files, nil)
		text := cache.Encode()
		for b.Loop() {
			if _, err := policy.DecodeCache(text); err != nil {
				b.Fatal(err)
			}
		}
	})
}
