// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestCompleteChangesAreAnnouncedAtOnce(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {noLeases: true}} {
		s := watched(t, o, map[string]string{"a.yaml": "1", "x.txt": "no policy"})
		s.is(t, "start", map[string]string{"a.yaml": "1"})
		for _, c := range []struct {
			name   string
			change func()
			want   map[string]string
		}{
			{"closed write", func() { s.write(t, "a.yaml", "2") }, map[string]string{"a.yaml": "2"}},
			{"rename", func() { s.replace(t, "a.yaml", "3") }, map[string]string{"a.yaml": "3"}},
			{"new file", func() { s.write(t, "b.json", "4") },
				map[string]string{"a.yaml": "3", "b.json": "4"}},
			{"renamed in", func() { s.replace(t, "c.yml", "5") },
				map[string]string{"a.yaml": "3", "b.json": "4", "c.yml": "5"}},
		} {
			c.change()
			took := s.becomes(t, c.name, c.want)
			t.Logf("%s: %v", c.name, took)
			if took > grace/2 {
				t.Errorf("%s: took %v, want a few ms", c.name, took)
			}
		}
	}
}

func TestHalfWrittenFileKeepsItsPast(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {noLeases: true}} {
		before := map[string]string{"a.yaml": "whole"}
		s := watched(t, o, before)
		f := s.begin(t, "a.yaml", "ha")
		g := s.begin(t, "new.yaml", "hal")
		s.stays(t, "being written", before)
		f.WriteString("lf")
		g.WriteString("f")
		s.stays(t, "being written on", before)
		must(t, f.Close())
		s.becomes(t, "closed", map[string]string{"a.yaml": "half"})
		must(t, g.Close())
		s.becomes(t, "new one closed", map[string]string{"a.yaml": "half", "new.yaml": "half"})
	}
}

// A file that somebody keeps open is believed when nothing was written to it for a while.
func TestOpenFileSettles(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {noLeases: true}} {
		s := watched(t, o, map[string]string{"a.yaml": "whole"})
		f := s.begin(t, "a.yaml", "1")
		for range 5 {
			time.Sleep(settle / 5)
			f.WriteString("1")
		}
		s.is(t, "written for longer than it takes", map[string]string{"a.yaml": "whole"})
		took := s.becomes(t, "left open", map[string]string{"a.yaml": "111111"})
		if took < settle/2 || took > 2*settle {
			t.Errorf("settled after %v, want %v", took, settle)
		}
	}
}

// truncate(2) tells nobody when it is done, because there is nothing to close.
func TestTruncationByPathIsDoubted(t *testing.T) {
	t.Parallel()
	s := watched(t, Options{}, map[string]string{"a.yaml": "whole"})
	must(t, os.Truncate(s.at("a.yaml"), 0))
	s.stays(t, "truncated", map[string]string{"a.yaml": "whole"})
	s.write(t, "a.yaml", "again")
	s.becomes(t, "written", map[string]string{"a.yaml": "again"})
}

func TestMissingAndEmptyFilesHaveGrace(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {noLeases: true}} {
		before := map[string]string{"a.yaml": "a", "b.yaml": "b", "c.yaml": "c"}
		s := watched(t, o, before)
		must(t, os.Remove(s.at("a.yaml")))
		must(t, os.Rename(s.at("b.yaml"), s.at("b.yaml~")))
		s.write(t, "c.yaml", "")
		s.stays(t, "grace", before)
		start := time.Now()
		s.becomes(t, "believed", map[string]string{"c.yaml": ""})
		if took := time.Since(start) + tick; took < grace/2 || took > 4*grace {
			t.Errorf("believed after %v, want %v", took, grace)
		}
	}
}

func TestFileThatComesBackWasNeverAway(t *testing.T) {
	t.Parallel()
	before := map[string]string{"a.yaml": "1", "b.yaml": "1"}
	s := watched(t, Options{}, before)
	// vim moves the old file away, writes a new one, and deletes the old one.
	must(t, os.Rename(s.at("a.yaml"), s.at("a.yaml~")))
	s.write(t, "b.yaml", "")
	s.stays(t, "away", before)
	f := s.begin(t, "a.yaml", "")
	s.stays(t, "empty again", before)
	f.WriteString("2")
	must(t, f.Close())
	must(t, os.Remove(s.at("a.yaml~")))
	s.write(t, "b.yaml", "2")
	s.becomes(t, "back", map[string]string{"a.yaml": "2", "b.yaml": "2"})
}

// configMap makes a version of a mounted ConfigMap the current one, as kubelet does.
func (s site) configMap(t *testing.T, version string, content map[string]string) {
	t.Helper()
	must(t, os.Mkdir(s.at("..v"+version), 0o700))
	for name, text := range content {
		s.write(t, filepath.Join("..v"+version, name), text)
	}
	must(t, os.Symlink("..v"+version, s.at("..data_tmp")))
	must(t, os.Rename(s.at("..data_tmp"), s.at("..data")))
	for name := range content {
		if err := os.Symlink("..data/"+name, s.at(name)); !errors.Is(err, fs.ErrExist) {
			must(t, err)
		}
	}
	old, err := os.ReadDir(s.dir)
	must(t, err)
	for _, e := range old {
		name := e.Name()
		if _, ok := content[name]; !ok && !strings.HasPrefix(name, "..") {
			must(t, os.Remove(s.at(name)))
		}
		if strings.HasPrefix(name, "..v") && name != "..v"+version {
			must(t, os.RemoveAll(s.at(name)))
		}
	}
}

func TestConfigMap(t *testing.T) {
	t.Parallel()
	s := watched(t, Options{}, nil)
	first := map[string]string{"a.yaml": "1", "b.yaml": "1"}
	s.configMap(t, "1", first)
	s.becomes(t, "mounted", first)
	second := map[string]string{"a.yaml": "2", "c.yaml": "2"}
	s.configMap(t, "2", second)
	took := s.becomes(t, "swapped", map[string]string{"a.yaml": "2", "b.yaml": "1", "c.yaml": "2"})
	if took > grace/2 {
		t.Errorf("swap seen after %v, want a few ms", took)
	}
	s.becomes(t, "key deleted", second)
}

func TestLinksOutOfTheDirectory(t *testing.T) {
	t.Parallel()
	s := watched(t, Options{}, nil)
	other := site{dir: t.TempDir()}
	other.write(t, "a", "1")
	must(t, os.Symlink(other.at("a"), s.at("a.yaml")))
	must(t, os.Symlink(other.at("a"), s.at("b.yaml")))
	both := func(text string) map[string]string {
		return map[string]string{"a.yaml": text, "b.yaml": text}
	}
	s.becomes(t, "linked", both("1"))
	for _, text := range []string{"2", "3"} {
		other.write(t, "a", text)
		s.becomes(t, "target written", both(text))
		other.replace(t, "a", text+"r")
		s.becomes(t, "target replaced", both(text+"r"))
	}
	f := other.begin(t, "a", "ha")
	s.stays(t, "target half written", both("3r"))
	f.WriteString("lf")
	must(t, f.Close())
	s.becomes(t, "target closed", both("half"))

	must(t, os.Remove(other.at("a")))
	<-s.Changed()
	if _, err := s.content(t); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("dangling link: got %v, want %v", err, fs.ErrNotExist)
	}
	must(t, os.Remove(s.at("b.yaml")))
	must(t, os.Remove(s.at("a.yaml")))
	s.becomes(t, "links deleted", nil)
	if len(s.targets) != 0 {
		t.Errorf("watches of targets: got %v, want none", s.targets)
	}
}

func TestSweepFindsWhatNoEventTold(t *testing.T) {
	t.Parallel()
	s := watched(t, Options{Sweep: settle}, map[string]string{"a.yaml": "1"})
	other := site{dir: t.TempDir()}
	must(t, os.Link(s.at("a.yaml"), other.at("a")))
	other.write(t, "a", "2") // through another name of the file
	s.stays(t, "no event", map[string]string{"a.yaml": "1"})
	s.becomes(t, "swept", map[string]string{"a.yaml": "2"})
}

// lose fills the queue of events beyond its end.
func (s site) lose(t *testing.T) {
	t.Helper()
	limit := 0
	data, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	must(t, err)
	if _, err := fmt.Sscan(string(data), &limit); err != nil {
		t.Fatal(err)
	}
	for range limit/2 + 1 { // an event each, and never two alike in a row
		must(t, os.Chmod(s.at("a.yaml"), 0o600))
		must(t, os.Chmod(s.at("b.yaml"), 0o600))
	}
}

func TestOverflowReadsAllAgain(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {noLeases: true}} {
		s := watched(t, o, map[string]string{"a.yaml": "1", "b.yaml": "1"})
		s.mu.Lock() // nobody fetches events
		s.lose(t)
		s.write(t, "a.yaml", "2")
		must(t, os.Remove(s.at("b.yaml")))
		s.write(t, "c.yaml", "2")
		s.mu.Unlock()
		s.becomes(t, "overflow", map[string]string{"a.yaml": "2", "c.yaml": "2"})
	}
}

// A watch leaves neither a goroutine nor a descriptor.
func TestNothingIsLeft(t *testing.T) {
	open := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(fds)
	}
	fds, routines := open(), runtime.NumGoroutine()
	for range 20 {
		t.Run("", func(t *testing.T) {
			s := watched(t, Options{}, map[string]string{"a.yaml": "1"})
			other := site{dir: t.TempDir()}
			other.write(t, "b", "1")
			must(t, os.Symlink(other.at("b"), s.at("b.yaml")))
			s.becomes(t, "linked", map[string]string{"a.yaml": "1", "b.yaml": "1"})
			must(t, os.Rename(s.dir, s.dir+".old"))
			<-s.Changed()
		})
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if open() <= fds && runtime.NumGoroutine() <= routines {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("got %d descriptors, %d goroutines, want %d, %d", open(),
				runtime.NumGoroutine(), fds, routines)
		}
	}
}

func TestReadAfterTheEnd(t *testing.T) {
	t.Parallel()
	w, err := Open(t.TempDir(), Options{})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.Run(ctx)
	if _, err := w.Read(); !errors.Is(err, errClosed) {
		t.Errorf("got %v, want %v", err, errClosed)
	}
}

// TestReadableAgain: what made a file unreadable may end without an event.
func TestReadableAgain(t *testing.T) {
	s := watched(t, Options{}, map[string]string{"a.yaml": "1"})
	away := filepath.Join(t.TempDir(), "b")
	must(t, os.Symlink(away, s.at("b.yaml")))
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := s.content(t); err != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a link to nothing: got no error")
		}
	}
	must(t, os.WriteFile(away, []byte("2"), 0o600))
	s.becomes(t, "its file is there", map[string]string{"a.yaml": "1", "b.yaml": "2"})
}
