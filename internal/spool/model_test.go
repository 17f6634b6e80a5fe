// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

func open(t testing.TB, o Options) *Spool {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// data is what a record of a number holds, of some length that the number gives.
func data(seq uint64) []byte {
	return bytes.Repeat([]byte{byte(seq), byte(seq >> 8)}, int(seq*7%40))
}

func batchFrom(first uint64, n int) [][]byte {
	var out [][]byte
	for i := range n {
		out = append(out, data(first+uint64(i)))
	}
	return out
}

func appendN(t testing.TB, s *Spool, n int) {
	t.Helper()
	if err := s.Append(batchFrom(s.Stats().Next, n)); err != nil {
		t.Fatal(err)
	}
}

// drain reads everything from a number on and returns the numbers that were read and those that
// gaps told. Records must hold what their numbers say.
func drain(t testing.TB, s *Spool, from uint64) (read, gaps []uint64) {
	t.Helper()
	if from == 0 {
		from = s.Stats().Acked + 1
	}
	for {
		b, err := s.Next(from, 7)
		if err != nil {
			t.Fatal(err)
		}
		if g := b.Gap; g.Records > 0 {
			if g.From != from || g.To-g.From+1 != g.Records {
				t.Fatalf("gap: got %+v, want it to begin at %d", g, from)
			}
			for seq := g.From; seq <= g.To; seq++ {
				gaps = append(gaps, seq)
			}
			from = g.To + 1
		}
		for _, r := range b.Records {
			if r.Seq != from || !bytes.Equal(r.Data, data(r.Seq)) {
				t.Fatalf("record: got %d with %d bytes, want %d with %d", r.Seq, len(r.Data), from,
					len(data(from)))
			}
			read, from = append(read, r.Seq), from+1
		}
		if b.Next != from {
			t.Fatalf("next: got %d, want %d", b.Next, from)
		}
		if len(b.Records) == 0 && b.Gap.Records == 0 {
			return read, gaps
		}
	}
}

func diskBytes(t testing.TB, dir string) (total int64) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"+extension))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	return total
}

// TestModel does random things to a spool, restarts among them, and holds it to what a list of
// numbers would say: every number was read, or dropped, or refused, and none twice.
func TestModel(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { model(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func model(t *testing.T, r *rand.Rand) {
	o := Options{Dir: filepath.Join(disk(t, ""), "spool"), MaxBytes: 2000, SegmentBytes: 400}
	s := open(t, o)
	var appended, read, gaps, acked, dropped, refused uint64
	next := uint64(1)
	for range 300 {
		switch r.IntN(8) {
		case 0, 1, 2, 3:
			n := 1 + r.IntN(12)
			batch := batchFrom(s.Stats().Next, n)
			if r.IntN(10) == 0 {
				batch[r.IntN(n)] = make([]byte, 400)
			}
			_ = s.Append(batch) // refusals are counted below
			appended += uint64(n)
		case 4, 5:
			b, err := s.Next(next, r.IntN(20))
			if err != nil {
				t.Fatal(err)
			}
			read, gaps, next = read+uint64(len(b.Records)), gaps+b.Gap.Records, b.Next
		case 6:
			acked += r.Uint64N(next - acked)
			if err := s.Ack(acked); err != nil {
				t.Fatal(err)
			}
		case 7:
			st := s.Stats()
			dropped, refused = dropped+st.Dropped, refused+st.Refused
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, o)
			// Refusals that nothing came after are forgotten, and nobody was told of them.
			forgotten := st.Next - s.Stats().Next
			appended, refused = appended-forgotten, refused-forgotten
			if got := s.Stats(); forgotten > st.Refused || got.Acked != st.Acked ||
				got.Bytes != st.Bytes || got.Cut != (Cut{}) {
				t.Fatalf("restarted: got %+v, want %+v", got, st)
			}
		}
		if got := diskBytes(t, o.Dir); got > o.MaxBytes || got != s.Stats().Bytes {
			t.Fatalf("on disk: got %d bytes, want %d, at most %d", got, s.Stats().Bytes, o.MaxBytes)
		}
	}
	appendN(t, s, 1)
	appended++
	last, lost := drain(t, s, next)
	read, gaps = read+uint64(len(last)), gaps+uint64(len(lost))
	st := s.Stats()
	dropped, refused = dropped+st.Dropped, refused+st.Refused
	if appended != read+gaps || appended != st.Next-1 {
		t.Errorf("appended: got %d, want read %d + told as gaps %d", appended, read, gaps)
	}
	// A record that was read and not acknowledged may be dropped afterwards.
	if gaps > dropped+refused || dropped == 0 || refused == 0 || read == 0 {
		t.Errorf("got gaps %d, dropped %d, refused %d, read %d, want all and no more gaps than "+
			"dropped and refused", gaps, dropped, refused, read)
	}
}
