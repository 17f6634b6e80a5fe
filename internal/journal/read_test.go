// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
)

// TestQueryAgrees: looking at lines early finds what looking at records finds.
func TestQueryAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	dir := t.TempDir()
	j := open(t, Options{Dir: dir, FileBytes: 20000, TotalBytes: 1 << 20})
	// Times of every precision, and one that is not in UTC.
	var all []flow.Record
	for range 300 {
		one := record(uint64(len(all) + 1))
		one.Start = epoch.Add(time.Duration(r.IntN(20)) * 500 * time.Millisecond)
		one.End = one.Start.Add(time.Duration(r.IntN(4)) * 300 * time.Millisecond)
		if r.IntN(10) == 0 {
			zone := time.FixedZone("", 7200)
			one.Start, one.End = one.Start.In(zone), one.End.In(zone)
		}
		all = append(all, one)
	}
	j.Write(all)
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 300 {
		q := Query{NewestFirst: r.IntN(2) == 0}
		if r.IntN(4) > 0 {
			q.Since = epoch.Add(time.Duration(r.IntN(110)) * 100 * time.Millisecond)
		}
		if r.IntN(4) > 0 {
			q.Until = epoch.Add(time.Duration(r.IntN(110)) * 100 * time.Millisecond)
		}
		var want, got []uint64
		for _, one := range all {
			if q.wants(one) {
				want = append(want, one.Sequence)
			}
		}
		for one, err := range Read(dir, q) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, one.Sequence)
		}
		if q.NewestFirst {
			slices.Reverse(got)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%+v: got %v, want %v", q, got, want)
		}
	}
}

// TestEarlyLook: lines out of range are passed over without decoding, and nothing else is.
func TestEarlyLook(t *testing.T) {
	early := Query{Since: epoch, Until: epoch.Add(time.Minute)}.glance()
	for line, want := range map[string]bool{
		`{"start":"2026-03-01T12:00:00Z","end":"2026-03-01T12:00:00Z"`:           true,
		`{"start":"2026-03-01T11:59:59.9Z","end":"2026-03-01T11:59:59.9Z"`:       false,
		`{"start":"2026-03-01T12:01:01Z","end":"2026-03-01T12:01:01Z"`:           false,
		`{"start":"2026-03-01T12:01:01+02:00","end":"2026-03-01T12:01:01+02:00"`: true,
		`{"id":"\"end\":\"2000-01-01T00:00:00Z"`:                                 true,
		`{"end":"20`:                                                             true,
		`nonsense`:                                                               true,
		`{"end":"Z"`:                                                             true,
	} {
		if got := early.mayWant([]byte(line)); got != want {
			t.Errorf("%s: got %t, want %t", line, got, want)
		}
	}
}

func TestReadNothing(t *testing.T) {
	for _, err := range Read(filepath.Join(t.TempDir(), "absent"), Query{}) {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v, want no such directory", err)
		}
	}
	wantRead(t, t.TempDir(), nil, 0)
}

func TestReadEndsWhenAsked(t *testing.T) {
	dir := t.TempDir()
	write(t, open(t, Options{Dir: dir, FileBytes: 3000}), 1, 10)
	for _, newest := range []bool{false, true} {
		n := 0
		for range Read(dir, Query{NewestFirst: newest}) {
			if n++; n == 3 {
				break
			}
		}
		if n != 3 {
			t.Errorf("newest first %t: got %d, want 3", newest, n)
		}
	}
}

// follow collects until it has so many records. Each wait lets a step happen.
func follow(t *testing.T, dir string, since time.Time, want int, steps ...func()) (got []uint64,
	bad int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	idle := 0
	wait := func(context.Context) {
		if len(steps) > 0 {
			steps[0]()
			steps = steps[1:]
		} else if idle++; idle > 3 {
			cancel()
		}
	}
	for r, err := range Follow(ctx, dir, Following{Since: since, Wait: wait}) {
		var line *LineError
		if errors.As(err, &line) {
			bad++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, r.Sequence); len(got) == want {
			break
		}
	}
	return got, bad
}

func TestFollowAcrossFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "denials")
	var j *Journal
	step := func(from, to uint64) func() {
		return func() {
			for n := from; n <= to; n++ {
				write(t, j, n, n)
			}
		}
	}
	make := func() { j = open(t, Options{Dir: dir, FileBytes: 3000, TotalBytes: 1 << 20}) }
	got, bad := follow(t, dir, time.Time{}, 0, make, step(1, 1), step(2, 30), step(31, 31))
	if !slices.Equal(got, numbers(1, 31)) || bad != 0 || len(names(t, dir)) < 5 {
		t.Errorf("from before the first: got %v, %d wrong, want 1 to 31", got, bad)
	}
	got, bad = follow(t, dir, time.Time{}, 0, step(32, 50), step(51, 52))
	if !slices.Equal(got, numbers(32, 52)) || bad != 0 {
		t.Errorf("from now on: got %v, %d wrong, want 32 to 52", got, bad)
	}
	got, bad = follow(t, dir, record(20).End, 0, step(53, 60))
	// The records after it begin a second and a half before they end.
	if !slices.Equal(got, numbers(20, 60)) || bad != 0 {
		t.Errorf("since: got %v, %d wrong, want 20 to 60", got, bad)
	}
	if got, _ := follow(t, dir, record(20).End, 4); !slices.Equal(got, numbers(20, 23)) {
		t.Errorf("ended when asked: got %v, want 4", got)
	}
}

// TestFollowHalfLines: a line that is still being written is no error; one that stays half is.
func TestFollowHalfLines(t *testing.T) {
	from, dir := t.TempDir(), t.TempDir()
	write(t, open(t, Options{Dir: from}), 1, 4)
	text, err := os.ReadFile(pathOf(from, 1))
	if err != nil {
		t.Fatal(err)
	}
	grow := func(number uint64, n int) func() {
		return func() {
			if err := os.WriteFile(pathOf(dir, number), text[:n], 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	var steps []func()
	for n := 0; n < len(text)-10; n += 97 {
		steps = append(steps, grow(1, n))
	}
	steps = append(steps, grow(1, len(text)-10), grow(2, len(text)), grow(3, len(text)))
	got, bad := follow(t, dir, time.Time{}, 0, steps...)
	if want := []uint64{1, 2, 3, 1, 2, 3, 4, 1, 2, 3, 4}; !slices.Equal(got, want) || bad != 1 {
		t.Errorf("got %v, %d wrong, want %v, 1", got, bad, want)
	}
	// Begun amid a line, the line is waited for.
	grow(4, len(text)-10)()
	got, bad = follow(t, dir, time.Time{}, 0, grow(4, len(text)))
	if !slices.Equal(got, []uint64{4}) || bad != 0 {
		t.Errorf("begun amid a line: got %v, %d wrong, want 4", got, bad)
	}
}

// TestFollowANewDirectory: numbers begin anew when somebody deletes everything.
func TestFollowANewDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "denials")
	j := open(t, Options{Dir: dir, FileBytes: 1500})
	write(t, j, 1, 1)
	write(t, j, 2, 2)
	write(t, j, 3, 3)
	closeNow(t, j)
	got, bad := follow(t, dir, time.Time{}, 0, func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}, func() { write(t, open(t, Options{Dir: dir}), 4, 5) })
	if !slices.Equal(got, []uint64{4, 5}) || bad != 0 {
		t.Errorf("got %v, %d wrong, want 4 and 5", got, bad)
	}
}
