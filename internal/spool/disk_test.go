// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// disk returns a file system of its own.
func disk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("spool", dir, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestFullDisk: what finds no room is refused and told as a gap, and when there is room again the
// spool goes on.
func TestFullDisk(t *testing.T) {
	o := Options{Dir: disk(t, "size=64k"), MaxBytes: 1 << 20, SegmentBytes: 20000}
	s := open(t, o)
	appendN(t, s, 100)
	hog := filepath.Join(o.Dir, "hog")
	// The file system is full when this ends.
	if err := os.WriteFile(hog, make([]byte, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("filling the disk: got %v, want ENOSPC", err)
	}
	var refused uint64
	for range 200 {
		if err := s.Append(batchFrom(s.Stats().Next, 10)); err != nil {
			if !errors.Is(err, unix.ENOSPC) {
				t.Fatalf("got %v, want ENOSPC", err)
			}
			refused += 10
		}
	}
	st := s.Stats()
	if refused == 0 || st.Refused != refused || !errors.Is(st.Err, unix.ENOSPC) {
		t.Fatalf("got %+v, want %d refused and an error", st, refused)
	}
	if err := os.Remove(hog); err != nil {
		t.Fatal(err)
	}
	appendN(t, s, 10)
	if err := s.Stats().Err; err != nil {
		t.Errorf("with room again: got %v, want no error", err)
	}
	for range 2 { // the second time after a restart
		read, gaps := drain(t, s, 1)
		if uint64(len(gaps)) != refused || uint64(len(read)) != 2110-refused {
			t.Errorf("got %d read and %d in gaps, want %d and %d", len(read), len(gaps),
				2110-refused, refused)
		}
		s.Close()
		s = open(t, o)
	}
}

// TestReadOnly: reading and refusing go on, and so does writing when it may.
func TestReadOnly(t *testing.T) {
	o := Options{Dir: disk(t, ""), MaxBytes: 10000, SegmentBytes: 1000}
	remount := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("", o.Dir, "", unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, o)
	appendN(t, s, 50)
	s.Close()
	remount(unix.MS_RDONLY)
	s = open(t, o)
	wantRead(t, s, 1, numbers(1, 50), nil)
	if err := s.Append(batchFrom(51, 5)); !errors.Is(err, unix.EROFS) ||
		s.Stats().Refused != 5 || s.Stats().Err == nil {
		t.Errorf("got %v, %+v, want EROFS and 5 refused", err, s.Stats())
	}
	remount(0)
	appendN(t, s, 2)
	wantRead(t, s, 1, append(numbers(1, 50), 56, 57), numbers(51, 55))
}

// TestNoDirectory: one that cannot be made is tried again, and what came meanwhile has numbers.
func TestNoDirectory(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "parent")
	if err := os.WriteFile(parent, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Dir: filepath.Join(parent, "spool")})
	if s.Stats().Err == nil || s.Append(batchFrom(1, 3)) == nil {
		t.Fatal("below a file: got no error, want one")
	}
	if _, err := s.Next(0, 1); err == nil {
		t.Error("next: got no error, want one")
	}
	if err := os.Remove(parent); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(0, 1); err != nil || s.Stats().Err != nil {
		t.Fatalf("got %v, %+v, want it read", err, s.Stats())
	}
	appendN(t, s, 2)
	wantRead(t, s, 1, numbers(4, 5), numbers(1, 3))
}
