// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/policy"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// record is the one with a number, a second after the one before.
func record(n uint64) flow.Record {
	at := epoch.Add(time.Duration(n) * time.Second)
	party := flow.Party{Addr: netip.MustParseAddr("10.1.0.2"), ID: "c1", Namespace: "shop",
		Name: "web", Labels: map[string]string{"app": "web"}, Device: "eth0"}
	return flow.Record{ID: fmt.Sprintf("%026d", n), Schema: flow.Schema, Kind: flow.Denied,
		Start: at.Add(-1500 * time.Millisecond), End: at, Node: "n1", Agent: "a1", Sequence: n,
		Direction: policy.Ingress, Action: flow.Drop, Reason: flow.ReasonDefaultDeny,
		Why: "web <is> isolated & no rule accepts", Client: party, Server: party, Proto: 6,
		Port: 80, Packets: n, Source: flow.FromKernel,
		Isolating: []policy.Ref{{Kind: "ContainerNetworkPolicy", Namespace: "shop", Name: "web"}}}
}

func records(from, to uint64) []flow.Record {
	var out []flow.Record
	for n := from; n <= to; n++ {
		out = append(out, record(n))
	}
	return out
}

func open(t testing.TB, o Options) *Journal {
	t.Helper()
	j, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close(context.Background()) })
	return j
}

// write hands records over and waits until they are written.
func write(t testing.TB, j *Journal, from, to uint64) {
	t.Helper()
	before := j.Stats().Written
	j.Write(records(from, to))
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := j.Stats().Written - before; got != to-from+1 {
		t.Fatalf("written: got %d, %v, want %d", got, j.Stats().Err, to-from+1)
	}
}

func closeNow(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// read returns the numbers of what a query finds, and the lines that are none. The records are
// compared with what was written.
func read(t testing.TB, dir string, q Query) (found []uint64, bad []*LineError) {
	t.Helper()
	for r, err := range Read(dir, q) {
		var line *LineError
		if errors.As(err, &line) {
			bad = append(bad, line)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if want := record(r.Sequence); !reflect.DeepEqual(r, want) {
			t.Fatalf("got %+v, want %+v", r, want)
		}
		found = append(found, r.Sequence)
	}
	return found, bad
}

func numbers(from, to uint64) []uint64 {
	var out []uint64
	for n := from; n <= to; n++ {
		out = append(out, n)
	}
	return out
}

func wantRead(t testing.TB, dir string, want []uint64, bad int) {
	t.Helper()
	got, wrong := read(t, dir, Query{})
	if !slices.Equal(got, want) || len(wrong) != bad {
		t.Errorf("got %v and %v, want %v and %d lines wrong", got, wrong, want, bad)
	}
	newest, wrong := read(t, dir, Query{NewestFirst: true})
	slices.Reverse(newest)
	if !slices.Equal(newest, want) || len(wrong) != bad {
		t.Errorf("newest first: got %v reversed and %v, want %v and %d", newest, wrong, want, bad)
	}
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	files, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		out = append(out, filepath.Base(f.path))
	}
	return out
}

func TestWrittenIsRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "denials")
	o := Options{Dir: dir, FileBytes: 10000, TotalBytes: 1 << 20}
	for run := range uint64(3) {
		j := open(t, o)
		last, found := j.Last()
		if found != (run > 0) || last.Sequence != run*40 {
			t.Errorf("last: got %d, %t, want %d", last.Sequence, found, run*40)
		}
		for i := range uint64(8) {
			write(t, j, run*40+i*5+1, run*40+i*5+5)
		}
		closeNow(t, j)
	}
	wantRead(t, dir, numbers(1, 120), 0)
	if got := names(t, dir); len(got) < 4 || got[0] != "000000000001.jsonl" {
		t.Errorf("files: got %v, want four or more, from 1 on", got)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700 | os.ModeDir,
		filepath.Join(dir, "000000000001.jsonl"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: got %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

// TestClosedToOthers: also a directory that somebody made for everyone.
func TestClosedToOthers(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	open(t, Options{Dir: dir})
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v, want 0700", info.Mode(), err)
	}
}

func TestTotalIsBounded(t *testing.T) {
	o := Options{Dir: t.TempDir(), FileBytes: 5000, TotalBytes: 20000}
	j := open(t, o)
	for n := uint64(1); n <= 200; n += 3 {
		write(t, j, n, n+2)
		files, err := list(o.Dir)
		if err != nil {
			t.Fatal(err)
		}
		var total int64
		for _, f := range files {
			total += f.size
		}
		if total > o.TotalBytes || total != j.Stats().Bytes {
			t.Fatalf("got %d bytes, %d told, want at most %d", total, j.Stats().Bytes, o.TotalBytes)
		}
	}
	got, _ := read(t, o.Dir, Query{})
	if len(got) == 0 || got[0] < 50 || !slices.Equal(got, numbers(got[0], 201)) {
		t.Errorf("got %v, want the newest to 201", got)
	}
}

func TestOldFilesGo(t *testing.T) {
	now := time.Now()
	o := Options{Dir: t.TempDir(), FileBytes: 3000, MaxAge: time.Hour,
		Now: func() time.Time { return now }}
	j := open(t, o)
	write(t, j, 1, 3)
	now = now.Add(40 * time.Minute)
	write(t, j, 4, 6)
	now = now.Add(40 * time.Minute)
	write(t, j, 7, 7)
	got, _ := read(t, o.Dir, Query{})
	if len(got) == 0 || got[0] != 4 || got[len(got)-1] != 7 {
		t.Errorf("got %v, want 4 to 7", got)
	}
	now = now.Add(2 * time.Hour)
	j.Write(nil)
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantRead(t, o.Dir, nil, 0)
	write(t, j, 8, 8)
	wantRead(t, o.Dir, []uint64{8}, 0)
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{}, {Dir: "x", FileBytes: -1}, {Dir: "x", FileBytes: 2,
		TotalBytes: 3}, {Dir: "x", MaxAge: time.Hour}, {Dir: "x", Queue: -1}} {
		if _, err := Open(o); err == nil {
			t.Errorf("%+v: got no error, want one", o)
		}
	}
}

// TestCannotBeWritten: a record that JSON cannot say is missed, the others are not.
func TestCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Dir: dir})
	all := records(1, 3)
	all[1].Start = time.Unix(1<<40, 0)
	j.Write(all)
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := j.Stats(); st.Written != 2 || st.Missed != 1 || st.Err == nil ||
		!strings.Contains(st.Err.Error(), "year") {
		t.Errorf("got %+v, want one missed for its year", st)
	}
	wantRead(t, dir, []uint64{1, 3}, 0)
}

func BenchmarkWrite(b *testing.B) {
	j := open(b, Options{Dir: b.TempDir(), Queue: 1 << 20})
	batch := records(1, 1000)
	for b.Loop() {
		j.Write(batch)
		if err := j.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(j.Stats().Written)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	j := open(b, Options{Dir: dir})
	write(b, j, 1, 10000)
	for name, q := range map[string]Query{"all": {}, "last": {Since: record(9900).Start},
		"newest": {Since: record(9900).Start, NewestFirst: true}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for _, err := range Read(dir, q) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(10000*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
