// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestCutShortAtEveryByte is what a kill amid a write leaves: the half line is named, everything
// else is read, and what comes next stands on a line of its own.
func TestCutShortAtEveryByte(t *testing.T) {
	from := t.TempDir()
	j := open(t, Options{Dir: from})
	write(t, j, 1, 3)
	closeNow(t, j)
	content, err := os.ReadFile(pathOf(from, 1))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(content), "\n")
	third := len(lines[0]) + len(lines[1])
	for size := third; size <= len(content); size++ {
		dir := filepath.Join(from, "cut")
		if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700),
			os.WriteFile(pathOf(dir, 1), content[:size], 0o600)); err != nil {
			t.Fatal(err)
		}
		whole, bad := uint64(2), 1
		if size == third || size >= len(content) {
			bad = 0
		}
		if size == len(content) {
			whole = 3
		}
		wantRead(t, dir, numbers(1, whole), bad)
		j := open(t, Options{Dir: dir})
		if last, ok := j.Last(); !ok || last.Sequence != whole {
			t.Fatalf("%d bytes: last: got %d, want %d", size, last.Sequence, whole)
		}
		write(t, j, 7, 8)
		closeNow(t, j)
		want := append(numbers(1, whole), 7, 8)
		if size == len(content)-1 {
			// Only the end of the line was missing.
			want, bad = append(numbers(1, 3), 7, 8), 0
		}
		wantRead(t, dir, want, bad)
		if t.Failed() {
			t.Fatalf("cut at %d of %d", size, len(content))
		}
	}
}

// TestLongLines: whatever buffers are between, a line is read up to the bound.
func TestLongLines(t *testing.T) {
	for _, tc := range []struct {
		length int
		want   error
	}{{10, nil}, {64 << 10, nil}, {100_000, nil}, {maxLine - 1, nil}, {maxLine, errLong},
		{maxLine + 1, errLong}, {5 * maxLine, errLong}} {
		text := "first\n" + strings.Repeat("x", tc.length) + "\nlast\n"
		for name, read := range map[string]func(*strings.Reader, takeLine) error{
			"forward": func(r *strings.Reader, take takeLine) error {
				_, err := forward(r, 0, take)
				return err
			},
			"backward": func(r *strings.Reader, take takeLine) error {
				return backward(r, r.Size(), take)
			},
		} {
			var lengths []int
			var wrong []error
			if err := read(strings.NewReader(text), func(_ int64, line []byte, e error) bool {
				lengths, wrong = append(lengths, len(line)), append(wrong, e)
				return true
			}); err != nil {
				t.Fatal(err)
			}
			if len(lengths) != 3 || !errors.Is(wrong[1], tc.want) || wrong[0] != nil ||
				wrong[2] != nil || tc.want == nil && lengths[1] != tc.length {
				t.Errorf("%s %d: got lines of %v bytes, %v, want %v", name, tc.length, lengths,
					wrong, tc.want)
			}
		}
	}
}

func TestWrongLinesAreNamed(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Dir: dir})
	write(t, j, 1, 2)
	closeNow(t, j)
	good, err := os.ReadFile(pathOf(dir, 1))
	if err != nil {
		t.Fatal(err)
	}
	text := "{\n\n" + string(good) + strings.Repeat("x", 3*maxLine) + "\n" +
		strings.Repeat("y", maxLine/2) + "\n" + string(good)
	if err := os.WriteFile(pathOf(dir, 1), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	wantRead(t, dir, []uint64{1, 2, 1, 2}, 3)
	want := []int64{0, int64(3 + len(good)), int64(3 + len(good) + 3*maxLine + 1)}
	for _, newest := range []bool{false, true} {
		_, bad := read(t, dir, Query{NewestFirst: newest})
		if newest {
			slices.Reverse(bad)
		}
		for i, line := range bad {
			if line.Offset != want[i] || line.File != pathOf(dir, 1) {
				t.Errorf("newest first %t: got %v, want byte %d", newest, line, want[i])
			}
		}
	}
}

// disk returns a file system of its own.
func disk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("journal", dir, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// try writes records that may be missed, and returns the state.
func try(t *testing.T, j *Journal, from, to uint64) Stats {
	t.Helper()
	j.Write(records(from, to))
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return j.Stats()
}

func TestFullDisk(t *testing.T) {
	dir := disk(t, "size=64k,mode=0700")
	j := open(t, Options{Dir: dir})
	write(t, j, 1, 5)
	hog := filepath.Join(dir, "hog")
	if err := os.WriteFile(hog, make([]byte, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("filling the disk: got %v, want ENOSPC", err)
	}
	for n := uint64(6); n < 66; n += 6 {
		try(t, j, n, n+5)
	}
	st := j.Stats()
	if st.Missed == 0 || st.Written+st.Missed != 65 || !errors.Is(st.Err, unix.ENOSPC) {
		t.Fatalf("got %+v, want 65 in all, some of them missed, and ENOSPC", st)
	}
	wantRead(t, dir, numbers(1, st.Written), 0)
	if err := os.Remove(hog); err != nil {
		t.Fatal(err)
	}
	write(t, j, 100, 101)
	if err := j.Stats().Err; err != nil {
		t.Errorf("with room again: got %v, want no error", err)
	}
	wantRead(t, dir, append(numbers(1, st.Written), 100, 101), 0)
}

func TestReadOnly(t *testing.T) {
	dir := disk(t, "mode=0700")
	remount := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("", dir, "", unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	j := open(t, Options{Dir: dir})
	write(t, j, 1, 2)
	closeNow(t, j)
	remount(unix.MS_RDONLY)
	j = open(t, Options{Dir: dir})
	if st := try(t, j, 3, 4); st.Missed != 2 || !errors.Is(st.Err, unix.EROFS) {
		t.Errorf("got %+v, want 2 missed and EROFS", st)
	}
	remount(0)
	write(t, j, 5, 6)
	wantRead(t, dir, []uint64{1, 2, 5, 6}, 0)
}

// TestDirectoryIsDeleted: what is written goes into a new one, not into files that nobody sees.
func TestDirectoryIsDeleted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "denials")
	j := open(t, Options{Dir: dir})
	write(t, j, 1, 2)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	write(t, j, 3, 4)
	wantRead(t, dir, []uint64{3, 4}, 0)
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if st := try(t, j, 5, 6); st.Missed != 2 || !errors.Is(st.Err, unix.ENOTDIR) {
		t.Errorf("a file in its place: got %+v, want 2 missed and ENOTDIR", st)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	write(t, j, 7, 8)
	wantRead(t, dir, []uint64{7, 8}, 0)
}

// TestWriteDoesNotWait: a file that is opened for ever stands for a disk that hangs.
func TestWriteDoesNotWait(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Dir: dir, Queue: 10})
	pipe := pathOf(dir, 1)
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	missed := j.Write(records(1, 4)) + j.Write(records(5, 30))
	if took := time.Since(begin); missed != 20 || took > time.Second {
		t.Errorf("got %d missed after %v, want 20 at once", missed, took)
	}
	if st := j.Stats(); st.Missed != 20 || st.Err == nil {
		t.Errorf("got %+v, want 20 missed and an error", st)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for name, wait := range map[string]func(context.Context) error{"flush": j.Flush,
		"close": j.Close} {
		if err := wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v, want the deadline", name, err)
		}
	}
	// Lets the writer go.
	reader, err := os.OpenFile(pipe, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	closeNow(t, j)
	if got := j.Write(records(1, 1)); got != 1 {
		t.Errorf("closed: got %d missed, want 1", got)
	}
}
