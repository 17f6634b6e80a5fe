// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const (
	tick  = 100 * time.Millisecond // long before a grace ends
	grace = 400 * time.Millisecond
	// settle is beyond what a busy machine puts a test off.
	settle = 1000 * time.Millisecond
)

// site is a policy directory that is watched.
type site struct {
	*Watch
	dir string
}

// watched writes files and watches their directory; the times are settle and grace.
func watched(t *testing.T, o Options, content map[string]string) site {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "policies")
	must(t, os.Mkdir(dir, 0o700))
	s := site{dir: dir}
	for name, text := range content {
		s.write(t, name, text)
	}
	o.Settle, o.Grace = settle, grace
	s.start(t, o)
	return s
}

func (s *site) start(t *testing.T, o Options) {
	t.Helper()
	w, err := Open(s.dir, o)
	must(t, err)
	s.Watch = w
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() { w.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s site) at(name string) string { return filepath.Join(s.dir, name) }

func (s site) write(t *testing.T, name, text string) {
	t.Helper()
	must(t, os.WriteFile(s.at(name), []byte(text), 0o600))
}

// replace writes beside and renames, as careful writers do.
func (s site) replace(t *testing.T, name, text string) {
	t.Helper()
	s.write(t, name+".tmp", text)
	must(t, os.Rename(s.at(name+".tmp"), s.at(name)))
}

// begin opens a file as a writer does that truncates it, and writes half of it.
func (s site) begin(t *testing.T, name, half string) *os.File {
	t.Helper()
	f, err := os.Create(s.at(name))
	must(t, err)
	t.Cleanup(func() { f.Close() })
	_, err = f.WriteString(half)
	must(t, err)
	return f
}

// content is what is believed: texts by name.
func (s site) content(t *testing.T) (map[string]string, error) {
	t.Helper()
	files, err := s.Read()
	texts := map[string]string{}
	for _, f := range files {
		texts[filepath.Base(f.Name)] = string(f.Data) + f.Unreadable
	}
	return texts, err
}

func (s site) is(t *testing.T, when string, want map[string]string) {
	t.Helper()
	if got, err := s.content(t); err != nil || !maps.Equal(got, want) {
		t.Errorf("%s: got %q, %v, want %q", when, got, err, want)
	}
}

// stays tells that nothing else is believed for a while.
func (s site) stays(t *testing.T, when string, want map[string]string) {
	t.Helper()
	for end := time.Now().Add(tick); time.Now().Before(end); time.Sleep(time.Millisecond) {
		s.is(t, when, want)
		if t.Failed() {
			return
		}
	}
}

// becomes waits for announcements until the content is as wanted, and returns how long it took.
func (s site) becomes(t *testing.T, when string, want map[string]string) time.Duration {
	t.Helper()
	start := time.Now()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case <-s.Changed():
		case <-timeout:
			got, err := s.content(t)
			t.Fatalf("%s: got %q, %v, want %q", when, got, err, want)
		}
		if got, err := s.content(t); err == nil && maps.Equal(got, want) {
			return time.Since(start)
		}
	}
}
