// SPDX-License-Identifier: Apache-2.0

package policyversions_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/policyversions"
	"github.com/bulkhead-net/bulkhead/policy"
)

const web = `# a comment moves the line
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 192.0.2.0/24}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec: {podSelector: {}, ingres: []}
`

func load(text string) *policy.Set {
	return policy.Load([]policy.File{{Name: "web.yaml", Data: []byte(text)}}, nil)
}

func save(t *testing.T, dir string, set *policy.Set) string {
	t.Helper()
	hash, err := policyversions.Save(dir, set)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestWhatIsSavedIsLoaded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "denials", "policies")
	seen := map[string]string{}
	for name, set := range map[string]*policy.Set{
		"accepted and rejected": load(web), "nothing": load(""),
		"another line":  load("\n" + web),
		"encapsulation": func() *policy.Set { s := load(web); s.AllowEncapsulation = true; return s }(),
	} {
		t.Run(name, func(t *testing.T) {
			hash := save(t, dir, set)
			if before, taken := seen[hash]; taken {
				t.Errorf("got the hash of %s", before)
			}
			seen[hash] = name
			if named, err := policyversions.Hash(set); err != nil || named != hash {
				t.Errorf("Hash: got %s, %v, want %s", named, err, hash)
			}
			got, err := policyversions.Load(dir, hash)
			if err != nil {
				t.Fatal(err)
			}
			got.Problems, set.Problems = nil, nil
			if !reflect.DeepEqual(got, set) {
				t.Errorf("got\n%+v\nwant\n%+v", got, set)
			}
			info, err := os.Stat(filepath.Join(dir, hash+".json"))
			if err != nil || info.Mode() != 0o600 {
				t.Errorf("mode: got %v, %v, want 0600", info, err)
			}
		})
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: got %v, %v, want 0700", info, err)
	}
}

func TestSavingAgainWritesNothing(t *testing.T) {
	dir := t.TempDir()
	hash := save(t, dir, load(web))
	path := filepath.Join(dir, hash+".json")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	before := inode(t, path)
	if again := save(t, dir, load(web)); again != hash || inode(t, path) != before {
		t.Errorf("got %s in another file, want %s in the same", again, hash)
	}
	info, err := os.Stat(path)
	if err != nil || time.Since(info.ModTime()) > time.Minute {
		t.Errorf("got %v, %v, want it to be the latest", info.ModTime(), err)
	}
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

func TestNothingIsBelievedThatIsNotWhatWasSaved(t *testing.T) {
	dir := t.TempDir()
	hash := save(t, dir, load(web))
	path := filepath.Join(dir, hash+".json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := save(t, dir, load(""))
	for _, tc := range []struct {
		name string
		put  func() error
	}{
		{"one letter", func() error {
			return os.WriteFile(path, []byte(strings.Replace(string(text), "shop", "shoq", 1)), 0o600)
		}},
		{"the first half", func() error { return os.WriteFile(path, text[:len(text)/2], 0o600) }},
		{"empty", func() error { return os.WriteFile(path, nil, 0o600) }},
		{"more", func() error { return os.WriteFile(path, append(text, "{}"...), 0o600) }},
		{"another version", func() error { return os.Rename(filepath.Join(dir, other+".json"), path) }},
		{"a directory", func() error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }},
		{"a link", func() error {
			return errors.Join(os.Remove(path), os.WriteFile(path+".real", text, 0o600),
				os.Symlink(path+".real", path))
		}},
		{"a pipe", func() error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.put(); err != nil {
				t.Fatal(err)
			}
			set, err := policyversions.Load(dir, hash)
			if set != nil || !errors.Is(err, policyversions.ErrCorrupt) ||
				!strings.Contains(err.Error(), hash) {
				t.Errorf("got %v, %v, want ErrCorrupt that names the version", set, err)
			}
			if tc.name == "a directory" {
				return // somebody else's: it is not replaced
			}
			if got := save(t, dir, load(web)); got != hash {
				t.Errorf("saved again: got %s, want %s", got, hash)
			}
			if _, err := policyversions.Load(dir, hash); err != nil {
				t.Errorf("saved again: got %v, want nil", err)
			}
		})
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		save(t, dir, load(web))
		other = save(t, dir, load(""))
	}
}

func TestNoHashLeavesTheDirectory(t *testing.T) {
	dir := t.TempDir()
	hash := save(t, dir, load(web))
	for _, wrong := range []string{"", "../" + hash, strings.ToUpper(hash), hash[:63], hash + "0",
		"../../etc/passwd", hash + "\x00"} {
		_, err := policyversions.Load(dir, wrong)
		if err == nil || !strings.Contains(err.Error(), "64 hexadecimal digits") {
			t.Errorf("%q: got %v, want a refusal that says what is accepted", wrong, err)
		}
	}
	absent := strings.Repeat("0", 64)
	if _, err := policyversions.Load(dir, absent); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: got %v, want fs.ErrNotExist", err)
	}
}

// five saves versions of one size, a minute apart, and returns their hashes and the size.
func five(t *testing.T, dir string) (hashes []string, size int64) {
	t.Helper()
	for i := range 5 {
		hashes = append(hashes, save(t, dir, load(fmt.Sprintf("%s# %d\n", web, i))))
		path := filepath.Join(dir, hashes[i]+".json")
		at := time.Now().Add(time.Duration(i-9) * time.Minute)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		size = info.Size()
	}
	return hashes, size
}

func TestPruneKeepsTheLatestAndWhatIsWanted(t *testing.T) {
	for _, tc := range []struct {
		name   string
		wanted []int // nil for all
		bounds policyversions.Bounds
		want   []int // of 0, the oldest, to 4
	}{
		{"no bound", nil, policyversions.Bounds{}, []int{0, 1, 2, 3, 4}},
		{"two", nil, policyversions.Bounds{Count: 2}, []int{3, 4}},
		{"bytes of three", nil, policyversions.Bounds{Bytes: 3}, []int{2, 3, 4}},
		{"fewer bytes than one has", nil, policyversions.Bounds{Bytes: -1}, []int{4}},
		{"the wanted ones", []int{0, 2}, policyversions.Bounds{}, []int{0, 2, 4}},
		{"one of the wanted ones", []int{0, 2}, policyversions.Bounds{Count: 2}, []int{2, 4}},
		{"none is wanted", []int{}, policyversions.Bounds{}, []int{4}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			hashes, size := five(t, dir)
			foreign := filepath.Join(dir, "README")
			unfinished := filepath.Join(dir, ".tmp-"+hashes[0]+".json")
			for _, path := range []string{foreign, unfinished} {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			bounds := tc.bounds
			bounds.Bytes *= size
			var wanted func(string) bool
			if tc.wanted != nil {
				wanted = func(hash string) bool {
					return slices.Contains(tc.wanted, slices.Index(hashes, hash))
				}
			}
			removed, err := policyversions.Prune(dir, wanted, bounds)
			if err != nil || removed != 5-len(tc.want) {
				t.Errorf("got %d, %v, want %d", removed, err, 5-len(tc.want))
			}
			var left []int
			for i, hash := range hashes {
				if _, err := policyversions.Load(dir, hash); err == nil {
					left = append(left, i)
				}
			}
			if !reflect.DeepEqual(left, tc.want) {
				t.Errorf("left: got %v, want %v", left, tc.want)
			}
			if _, err := os.Stat(foreign); err != nil {
				t.Errorf("a file of somebody else: %v", err)
			}
			if _, err := os.Stat(unfinished); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("an unfinished file: got %v, want it gone", err)
			}
		})
	}
	if removed, err := policyversions.Prune(filepath.Join(t.TempDir(), "x"), nil,
		policyversions.Bounds{Count: 1}); removed != 0 || err != nil {
		t.Errorf("no directory: got %d, %v, want nothing", removed, err)
	}
}
