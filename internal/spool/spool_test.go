// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func numbers(from, to uint64) []uint64 {
	var out []uint64
	for seq := from; seq <= to; seq++ {
		out = append(out, seq)
	}
	return out
}

func wantRead(t *testing.T, s *Spool, from uint64, read, gaps []uint64) {
	t.Helper()
	gotRead, gotGaps := drain(t, s, from)
	if !slices.Equal(gotRead, read) || !slices.Equal(gotGaps, gaps) {
		t.Errorf("from %d: got %v and gaps %v, want %v and %v", from, gotRead, gotGaps, read, gaps)
	}
}

func TestNothingIsRemovedBeforeAck(t *testing.T) {
	o := Options{Dir: t.TempDir(), MaxBytes: 4000, SegmentBytes: 200}
	s := open(t, o)
	appendN(t, s, 30)
	segments := len(s.segments)
	wantRead(t, s, 1, numbers(1, 30), nil)
	wantRead(t, s, 1, numbers(1, 30), nil)
	if err := s.Ack(20); err != nil {
		t.Fatal(err)
	}
	if got := len(s.segments); got >= segments || s.Stats().Dropped != 0 {
		t.Errorf("got %d of %d segments, %d dropped, want fewer and 0", got, segments,
			s.Stats().Dropped)
	}
	wantRead(t, s, 0, numbers(21, 30), nil)
	if err := s.Ack(31); !errors.Is(err, ErrAhead) {
		t.Errorf("ack of a number not given: got %v, want ErrAhead", err)
	}
	if _, err := s.Next(32, 1); !errors.Is(err, ErrAhead) {
		t.Errorf("next of a number not given: got %v, want ErrAhead", err)
	}
}

// TestNumbersGoOn: also when everything was acknowledged, and nothing but an empty file is left.
func TestNumbersGoOn(t *testing.T) {
	o := Options{Dir: t.TempDir(), MaxBytes: 2000, SegmentBytes: 200}
	for range 5 {
		s := open(t, o)
		first := s.Stats().Next
		appendN(t, s, 20)
		wantRead(t, s, 0, numbers(first, first+19), nil)
		if err := errors.Join(s.Ack(first+19), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if got := open(t, o).Stats(); got.Next != 101 || got.Acked != 100 || got.Bytes > 200 {
		t.Errorf("got %+v, want next 101 and one file", got)
	}
}

func TestFullDropsTheOldest(t *testing.T) {
	o := Options{Dir: t.TempDir(), MaxBytes: 1000, SegmentBytes: 200}
	s := open(t, o)
	appendN(t, s, 100)
	first := s.segments[0].first
	st := s.Stats()
	if st.Dropped == 0 || st.Dropped != first-1 || st.Bytes > 1000 || st.Err != nil {
		t.Errorf("got %+v, want %d dropped", st, first-1)
	}
	wantRead(t, s, 1, numbers(first, 100), numbers(1, first-1))
	s.Close()
	wantRead(t, open(t, o), 1, numbers(first, 100), numbers(1, first-1))
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{}, {Dir: "x", MaxBytes: 10}, {Dir: "x", MaxBytes: -1},
		{Dir: "x", MaxBytes: 100, SegmentBytes: 51}, {Dir: "x", BatchBytes: -1}} {
		if _, err := Open(o); err == nil {
			t.Errorf("%+v: got no error, want one", o)
		}
	}
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "spool")
	s := open(t, Options{Dir: dir})
	appendN(t, s, 1)
	if err := s.Ack(1); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700 | os.ModeDir,
		s.segments[0].path: 0o600, filepath.Join(dir, ackedName): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode() != want {
			t.Errorf("%s: got %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

func TestOneRecordIsAlwaysReturned(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), BatchBytes: 100})
	if err := s.Append([][]byte{make([]byte, 500), make([]byte, 500)}); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Next(1, 9); err != nil || len(b.Records) != 1 || b.Next != 2 {
		t.Errorf("got %d records, next %d, %v, want 1, 2", len(b.Records), b.Next, err)
	}
}

func BenchmarkAppend(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir()})
	batch := make([][]byte, 100)
	for i := range batch {
		batch[i] = make([]byte, 400)
	}
	for b.Loop() {
		if err := s.Append(batch); err != nil {
			b.Fatal(err)
		}
	}
}
