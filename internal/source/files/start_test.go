// SPDX-License-Identifier: Apache-2.0

package files

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// opened opens a watch and returns how long that took.
func (s *site) opened(t *testing.T, o Options) time.Duration {
	t.Helper()
	before := time.Now()
	o.Settle, o.Grace = settle, grace
	w, err := Open(s.dir, o)
	must(t, err)
	t.Cleanup(w.Close)
	s.Watch = w
	return time.Since(before)
}

func TestStartDoesNotWaitForClosedFiles(t *testing.T) {
	t.Parallel()
	s := site{dir: t.TempDir()}
	s.write(t, "a.yaml", "1")
	if took := s.opened(t, Options{}); took > grace/2 {
		t.Errorf("open took %v, want a few ms", took)
	}
	s.is(t, "start", map[string]string{"a.yaml": "1"})
}

// Whoever was writing before the watch began is waited for, and no longer than the settle time.
func TestStartWaitsForWriters(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {noLeases: true}} {
		s := site{dir: t.TempDir()}
		f := s.begin(t, "a.yaml", "ha")
		time.AfterFunc(settle/3, func() { f.WriteString("lf"); f.Close() })
		if took := s.opened(t, o); took < settle/3 || took > settle {
			t.Errorf("open took %v, want about %v", took, settle/3)
		}
		s.is(t, "closed", map[string]string{"a.yaml": "half"})

		s.begin(t, "b.yaml", "b")
		if took := s.opened(t, o); took > 2*settle {
			t.Errorf("open took %v, want %v", took, settle)
		}
		s.is(t, "as it is", map[string]string{"a.yaml": "half", "b.yaml": "b"})
	}
}

func TestStartEndsWhileSomebodyWrites(t *testing.T) {
	t.Parallel()
	s := site{dir: t.TempDir()}
	f := s.begin(t, "a.yaml", "")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			f.WriteString("x")
			time.Sleep(2 * settle / 200)
		}
	}()
	if took := s.opened(t, Options{}); took > 2*settle {
		t.Errorf("open took %v, want %v", took, settle)
	}
	if got, err := s.content(t); err != nil || got["a.yaml"] == "" {
		t.Errorf("got %q, %v, want what was there", got, err)
	}
	<-done
}

func TestStartDoubtsAFileThatWasEmptiedJustNow(t *testing.T) {
	t.Parallel()
	s := site{dir: t.TempDir()}
	s.write(t, "a.yaml", "")
	time.AfterFunc(grace/3, func() { s.write(t, "a.yaml", "1") })
	s.opened(t, Options{})
	s.is(t, "start", map[string]string{"a.yaml": "1"})
}

func TestReadOnce(t *testing.T) {
	t.Parallel()
	s := site{dir: t.TempDir()}
	for _, name := range []string{"b.yml", "a.yaml", "c.json", "d.txt", "yaml"} {
		s.write(t, name, name)
	}
	must(t, os.Mkdir(s.at("dir.yaml"), 0o700))
	must(t, os.Symlink("dir.yaml", s.at("dir-link.yaml")))
	must(t, os.Symlink("/dev/null", s.at("null.yaml")))
	must(t, os.Symlink("a.yaml", s.at("link.yaml")))
	files, err := Read(s.dir)
	must(t, err)
	want := []string{"a.yaml", "b.yml", "c.json", "link.yaml", "null.yaml"}
	texts := map[string]string{}
	for i, f := range files {
		if i >= len(want) || f.Name != s.at(want[i]) {
			t.Fatalf("file %d: got %s, want %v", i, f.Name, want)
		}
		texts[want[i]] = string(f.Data) + f.Unreadable
	}
	if !maps.Equal(texts, map[string]string{"a.yaml": "a.yaml", "b.yml": "b.yml",
		"c.json": "c.json", "link.yaml": "a.yaml", "null.yaml": special}) {
		t.Errorf("texts: got %q", texts)
	}
	if _, err := Read(filepath.Join(s.dir, "missing")); err == nil {
		t.Error("missing directory: got no error, want one")
	}
	s.opened(t, Options{})
	s.is(t, "watch", texts)
}
