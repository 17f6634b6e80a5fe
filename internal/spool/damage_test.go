// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// one returns a directory with one segment of ten records, its bytes, and where each record ends.
func one(t *testing.T) (o Options, name string, content []byte, ends []int64) {
	t.Helper()
	o = Options{Dir: filepath.Join(disk(t, ""), "one"), MaxBytes: 10000, SegmentBytes: 5000}
	s := open(t, o)
	for range 10 {
		appendN(t, s, 1)
		ends = append(ends, s.segments[0].size)
	}
	s.Close()
	name = filepath.Base(s.segments[0].path)
	content, err := os.ReadFile(s.segments[0].path)
	if err != nil {
		t.Fatal(err)
	}
	return o, name, content, ends
}

func put(t *testing.T, o Options, name string, content []byte) Options {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(o.Dir), "")
	if err != nil {
		t.Fatal(err)
	}
	o.Dir = dir
	if err := os.WriteFile(filepath.Join(o.Dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestCutShortAtEveryByte is what a kill amid a write leaves.
func TestCutShortAtEveryByte(t *testing.T) {
	o, name, content, ends := one(t)
	for size := range len(content) + 1 {
		good, end := uint64(0), int64(len(magic))
		for _, e := range ends {
			if e <= int64(size) {
				good, end = good+1, e
			}
		}
		var want Cut
		if torn := int64(size) - end; torn > 0 {
			want = Cut{Records: 1, Bytes: uint64(torn)}
		} else if size < len(magic) {
			want.Bytes = uint64(size)
		}
		here := put(t, o, name, content[:size])
		s := open(t, here)
		st := s.Stats()
		if st.Cut != want || st.Err != nil || st.Next != 1+good+want.Records {
			t.Fatalf("%d bytes: got %+v, want %+v and next %d", size, st, want, 1+good)
		}
		appendN(t, s, 3)
		next := st.Next
		for range 2 { // and as it is found after the next restart
			wantRead(t, s, 1, append(numbers(1, good), numbers(next, next+2)...),
				numbers(good+1, next-1))
			s.Close()
			s = open(t, here)
			if got := s.Stats().Cut; got != (Cut{}) {
				t.Fatalf("%d bytes: cut again: got %+v, want nothing", size, got)
			}
		}
	}
}

// TestDamageAtEveryByte: a wrong bit costs the records from there on, which are told, and a
// record is never returned wrong (drain compares). A wrong length may look like one record more.
func TestDamageAtEveryByte(t *testing.T) {
	o, name, content, ends := one(t)
	for at := range content {
		damaged := bytes.Clone(content)
		damaged[at] ^= 0x10
		s := open(t, put(t, o, name, damaged))
		good := uint64(0)
		for _, e := range ends {
			if at >= len(magic) && e <= int64(at) {
				good++
			}
		}
		st := s.Stats()
		if st.Cut.Records == 0 || st.Cut.Records > 11-good || st.Next <= good+1 {
			t.Fatalf("byte %d: got %+v, want 1 to %d records cut", at, st, 11-good)
		}
		appendN(t, s, 1)
		wantRead(t, s, 1, append(numbers(1, good), st.Next), numbers(good+1, st.Next-1))
	}
}

// TestDamageWhileOpen: the reader finds it, the numbers after it are a gap.
func TestDamageWhileOpen(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"removed": os.Remove,
		"emptied": func(path string) error { return os.Truncate(path, 0) },
		"garbled": func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt([]byte("garbage"), int64(len(magic)))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{Dir: t.TempDir(), MaxBytes: 4000, SegmentBytes: 300})
			appendN(t, s, 30)
			second := *s.segments[1]
			last := *s.last()
			if err := harm(second.path); err != nil {
				t.Fatal(err)
			}
			if err := harm(last.path); err != nil {
				t.Fatal(err)
			}
			read := append(numbers(1, second.first-1), numbers(second.end, last.first-1)...)
			gaps := append(numbers(second.first, second.end-1), numbers(last.first, 30)...)
			wantRead(t, s, 1, read, numbers(second.first, second.end-1))
			appendN(t, s, 2)
			wantRead(t, s, 1, append(read, 31, 32), gaps)
			if got := s.Stats().Cut.Records; got != uint64(len(gaps)) {
				t.Errorf("cut: got %d, want %d", got, len(gaps))
			}
		})
	}
}

// FuzzSegment: whatever is in a file, what is read of it is a beginning of it.
func FuzzSegment(f *testing.F) {
	b := []byte(magic)
	f.Add(b)
	for seq := range uint64(4) {
		b = appendFrame(b, seq+1, data(seq+1))
		f.Add(bytes.Clone(b))
	}
	f.Add(b[:len(b)-1])
	f.Add(append(bytes.Clone(b), make([]byte, 40)...))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		one := newSegment(dir, 1)
		if err := os.WriteFile(one.path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		cut, err := one.scan()
		if err != nil {
			t.Fatal(err)
		}
		if one.size+int64(cut.Bytes) != int64(len(content)) {
			t.Fatalf("got %d good bytes and %d cut, want %d", one.size, cut.Bytes, len(content))
		}
		r := bufio.NewReader(bytes.NewReader(content[min(len(magic), len(content)):]))
		again := []byte(magic)
		for seq := one.first; seq < one.end; seq++ {
			data, err := readFrame(r, seq)
			if err != nil {
				t.Fatal(err)
			}
			again = appendFrame(again, seq, data)
		}
		if one.size > 0 && !bytes.Equal(again, content[:one.size]) {
			t.Error("the good records are not the beginning of the file")
		}
	})
}
