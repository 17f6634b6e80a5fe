// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// stateful is a site whose state directory is a small file system of its own, with everybody
// attached, and probes on every closed door until the test ends.
func stateful(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.mountState(t)
	s.proveProbes(t)
	s.closeBase(t)
	s.populate(t)
	return s
}

// mountState makes the state directory a small file system.
func (s *site) mountState(t *testing.T) {
	t.Helper()
	if err := os.Mkdir(s.stateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", s.stateDir, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(s.stateDir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
}

// populate attaches everybody, and knocks until the test ends.
func (s *site) populate(t *testing.T) {
	t.Helper()
	for _, name := range []string{"vault", "friend", "intruder", "slot1"} {
		s.mustAdd(t, name)
	}
	stop := make(chan struct{})
	var probes sync.WaitGroup
	doors := s.knock(t, stop, &probes)
	t.Cleanup(func() {
		close(stop)
		probes.Wait()
		s.settle(t)
		s.report(t, doors)
	})
}

// fails demands that an operation fails and says each of the words.
func (o operation) fails(t *testing.T, words ...string) {
	t.Helper()
	out, err := o.run(0)
	pause()
	if err == nil {
		t.Errorf("%s %v %s: got success, want a failure\n%s", o.name, o.args, o.verb(), out)
	}
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("%s %v %s: got %q, want %q in it", o.name, o.args, o.verb(), out, w)
		}
	}
}

func (o operation) works(t *testing.T) string {
	t.Helper()
	out, err := o.run(0)
	pause()
	if err != nil {
		t.Errorf("%s %v %s: %v\n%s", o.name, o.args, o.verb(), err, out)
	}
	return out
}

// TestFullDisk: what cannot be recorded is not done, and is told by the name of the file.
func TestFullDisk(t *testing.T) {
	s := stateful(t)
	filler := filepath.Join(s.stateDir, "filler")
	if err := os.WriteFile(filler, make([]byte, 8<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	const full = "no space left on device"
	s.plugin("ADD", "slot0").fails(t, full)
	s.writePolicies(t, "slot3")
	s.ctl("apply").fails(t, full, s.stateDir)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	s.plugin("ADD", "slot0").works(t)
	s.ctl("apply").works(t)
}

// TestReadOnlyState: the same for a state directory that nobody can write.
func TestReadOnlyState(t *testing.T) {
	s := stateful(t)
	remount := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("", s.stateDir, "", unix.MS_REMOUNT|flags, "size=4m"); err != nil {
			t.Fatalf("remount: %v", err)
		}
	}
	remount(unix.MS_RDONLY)
	const readOnly = "read-only file system"
	s.plugin("ADD", "slot0").fails(t, readOnly)
	s.plugin("DEL", "slot1").fails(t, readOnly)
	s.writePolicies(t, "slot3")
	s.ctl("apply").fails(t, readOnly)
	remount(0)
	s.plugin("ADD", "slot0").works(t)
	s.plugin("DEL", "slot1").works(t)
	s.ctl("apply").works(t)
}

// TestCorruptState spoils every file of the state directory in turn, in every way that a disk, a
// power cut or a hand may. It is named, set aside and not trusted; what cannot be known is closed.
func TestCorruptState(t *testing.T) {
	s := stateful(t)
	spoil := map[string]func([]byte) []byte{
		"empty":     func([]byte) []byte { return nil },
		"truncated": func(b []byte) []byte { return b[:len(b)/2] },
		"flipped": func(b []byte) []byte {
			b = append([]byte{}, b...)
			b[0] ^= 0x10
			return b
		},
		"garbage": func(b []byte) []byte { return []byte(strings.Repeat("\xff\x00{", 100)) },
	}
	// Caches are read anew without a word: they decide nothing.
	silent := map[string]bool{"parsed": true, "cache": true}
	for what, spoiled := range spoil {
		s.writePolicies(t, "slot3")
		s.ctl("apply").works(t)
		s.writePolicies(t, "friend")
		s.ctl("apply").works(t)
		for _, path := range s.stateFiles(t) {
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, spoiled(good), 0o600); err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(path)
			switch apply := s.ctl("apply"); {
			case name == "config.json":
				// What is to be closed cannot be guessed: nothing is done until it is known again.
				apply.fails(t, path)
				if err := os.WriteFile(path, good, 0o600); err != nil {
					t.Fatal(err)
				}
			case silent[name]:
				apply.works(t)
			default:
				if out := apply.works(t); !strings.Contains(out, path) {
					t.Errorf("%s %s: got %q, want the file named", what, name, out)
				}
			}
		}
		for _, name := range []string{"vault", "friend", "intruder", "slot1"} {
			s.plugin("ADD", name).works(t) // an attachment that was set aside is attached again
		}
	}
}

// stateFiles are all files of the state directory that say anything. An attachment's is one of
// the one that nobody walks to.
func (s *site) stateFiles(t *testing.T) []string {
	t.Helper()
	files := []string{}
	for _, pattern := range []string{"installed", "documents.json", "parsed", "config.json",
		"endpoints/cache", "endpoints/*.json"} {
		found, err := filepath.Glob(filepath.Join(s.stateDir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Base(filepath.Dir(path)) != "endpoints" || filepath.Ext(path) != ".json" ||
				strings.Contains(string(text), `"containerID": "soak-slot1"`) {
				files = append(files, path)
			}
		}
	}
	if len(files) < 5 {
		t.Fatalf("state files: got %v", files)
	}
	return files
}

// TestAtOnce: edits, applies and attachments of many processes at once end in one state, that of
// the last edit.
func TestAtOnce(t *testing.T) {
	s := stateful(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 4 {
				s.writePolicies(t, fmt.Sprintf("slot%d", (i+j)%slots))
				if out, err := s.ctl("apply").run(0); err != nil {
					t.Errorf("apply: %v\n%s", err, out)
				}
			}
		})
		group.Go(func() {
			name := fmt.Sprintf("slot%d", i)
			for _, verb := range []string{"ADD", "DEL", "ADD"} {
				if out, err := s.plugin(verb, name).run(0); err != nil {
					t.Errorf("%s %s: %v\n%s", verb, name, err, out)
				}
			}
		})
	}
	group.Wait()
	s.writePolicies(t, "friend")
	s.ctl("apply").works(t)
	if out := s.ctl("apply").works(t); !strings.Contains(out, "nothing to change") {
		t.Errorf("apply: got %q, want nothing to change", out)
	}
	if out := s.ctl("endpoints").works(t); strings.Count(out, "enforced") != 3+slots {
		t.Errorf("endpoints: got\n%s\nwant %d enforced", out, 3+slots)
	}
}
