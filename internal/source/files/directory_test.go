// SPDX-License-Identifier: Apache-2.0

package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fails waits until Read reports an error of a kind.
func (s site) fails(t *testing.T, when string, want error) {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		_, err := s.content(t)
		if errors.Is(err, want) {
			return
		}
		select {
		case <-s.Changed():
		case <-timeout:
			t.Fatalf("%s: got %v, want %v", when, err, want)
		}
	}
}

// failsOn tells that Read goes on to report an error, for longer than anything is doubted.
func (s site) failsOn(t *testing.T, when string, want error) {
	t.Helper()
	for end := time.Now().Add(2 * settle); time.Now().Before(end); time.Sleep(5 * tick) {
		if files, err := s.content(t); !errors.Is(err, want) || len(files) != 0 {
			t.Fatalf("%s: got %v, %v, want %v", when, files, err, want)
		}
	}
}

func TestDirectoryThatIsReplaced(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		lose func(t *testing.T, s site)
	}{
		{"renamed", func(t *testing.T, s site) { must(t, os.Rename(s.dir, s.dir+".old")) }},
		{"deleted", func(t *testing.T, s site) { must(t, os.RemoveAll(s.dir)) }},
		{"parent renamed", func(t *testing.T, s site) {
			parent := filepath.Dir(s.dir)
			must(t, os.Rename(parent, parent+".old"))
			t.Cleanup(func() { os.RemoveAll(parent + ".old") })
			must(t, os.Mkdir(parent, 0o700))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := watched(t, Options{}, map[string]string{"a.yaml": "1", "b.yaml": "1"})
			c.lose(t, s)
			s.fails(t, "away", fs.ErrNotExist)
			must(t, os.Mkdir(s.dir, 0o700))
			s.fails(t, "back", errReplaced)
			s.write(t, "no-policy.txt", "x")
			s.failsOn(t, "without policy files", errReplaced)
			s.write(t, "b.yaml", "2")
			s.becomes(t, "with a file", map[string]string{"b.yaml": "2"})
			s.write(t, "b.yaml", "3")
			s.becomes(t, "written later", map[string]string{"b.yaml": "3"})
		})
	}
}

// While files come, one after the other, those that have not come yet are not deleted.
func TestReplacementIsBelievedWhenItStandsStill(t *testing.T) {
	t.Parallel()
	s := watched(t, Options{}, map[string]string{"a.yaml": "1", "b.yaml": "1"})
	must(t, os.Rename(s.dir, s.dir+".old"))
	must(t, os.Mkdir(s.dir, 0o700))
	s.write(t, "a.yaml", "2")
	s.fails(t, "half filled", errReplaced)
	for range 4 {
		time.Sleep(settle / 2)
		s.write(t, "busy.txt", "x")
		if got, err := s.content(t); !errors.Is(err, errReplaced) {
			t.Fatalf("being filled: got %v, %v, want %v", got, err, errReplaced)
		}
	}
	s.write(t, "b.yaml", "2")
	s.becomes(t, "filled", map[string]string{"a.yaml": "2", "b.yaml": "2"})
}

func TestDirectoryThatIsSwapped(t *testing.T) {
	t.Parallel()
	s := watched(t, Options{}, map[string]string{"a.yaml": "1", "b.yaml": "1"})
	next := site{dir: s.dir + ".next"}
	must(t, os.Mkdir(next.dir, 0o700))
	next.write(t, "b.yaml", "2")
	must(t, unix.Renameat2(unix.AT_FDCWD, next.dir, unix.AT_FDCWD, s.dir, unix.RENAME_EXCHANGE))
	s.becomes(t, "exchanged", map[string]string{"b.yaml": "2"})
}

// What lies under a mount is not what the mount showed.
func TestDirectoryThatIsUnmounted(t *testing.T) {
	t.Parallel()
	s := site{dir: filepath.Join(t.TempDir(), "policies")}
	must(t, os.Mkdir(s.dir, 0o700))
	must(t, unix.Mount("policies", s.dir, "tmpfs", 0, ""))
	mounted := true
	t.Cleanup(func() {
		if mounted {
			must(t, unix.Unmount(s.dir, unix.MNT_DETACH))
		}
	})
	s.write(t, "a.yaml", "1")
	s.start(t, Options{Settle: settle, Grace: grace})
	s.is(t, "mounted", map[string]string{"a.yaml": "1"})
	must(t, unix.Unmount(s.dir, 0))
	mounted = false
	s.fails(t, "unmounted", errReplaced)
	s.failsOn(t, "unmounted", errReplaced)
	must(t, unix.Mount("policies", s.dir, "tmpfs", 0, ""))
	mounted = true
	s.write(t, "a.yaml", "2")
	s.becomes(t, "mounted again", map[string]string{"a.yaml": "2"})
}

func TestDirectoryThatComesLate(t *testing.T) {
	t.Parallel()
	s := site{dir: filepath.Join(t.TempDir(), "policies")}
	s.start(t, Options{Settle: settle, Grace: grace})
	s.fails(t, "missing", fs.ErrNotExist)
	must(t, os.Mkdir(s.dir, 0o700))
	s.failsOn(t, "empty", errReplaced)
	s.write(t, "a.yaml", "1")
	s.becomes(t, "filled", map[string]string{"a.yaml": "1"})
}

func TestEmptyDirectoryAtTheStartIsNoPolicies(t *testing.T) {
	t.Parallel()
	s := watched(t, Options{}, nil)
	s.is(t, "start", nil)
}

// A fault of inotify changes nothing but that all is read again.
func TestBrokenQueueIsOpenedAgain(t *testing.T) {
	t.Parallel()
	s := watched(t, Options{}, map[string]string{"a.yaml": "1"})
	s.mu.Lock()
	s.notify.close()
	s.write(t, "a.yaml", "2")
	s.mu.Unlock()
	s.becomes(t, "broken", map[string]string{"a.yaml": "2"})
	s.write(t, "a.yaml", "3")
	s.becomes(t, "working again", map[string]string{"a.yaml": "3"})
}
