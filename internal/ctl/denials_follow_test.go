// SPDX-License-Identifier: Apache-2.0

package ctl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/ctl"
	"github.com/bulkhead-net/bulkhead/internal/flow"
)

// told is what a command that runs has printed so far, and when.
type told struct {
	mu    sync.Mutex
	text  bytes.Buffer
	lines chan time.Time
}

func (o *told) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for range bytes.Count(b, []byte("\n")) {
		o.lines <- time.Now()
	}
	return o.text.Write(b)
}

func (o *told) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// follow runs denials -f until the returned function ends it, which returns the exit code.
func (s *site) follow(t *testing.T, line ...string) (*told, func() int) {
	t.Helper()
	out := &told{lines: make(chan time.Time, 100)}
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	line = append([]string{"denials", "-f", "--denials-dir", s.denials}, line...)
	go func() {
		code <- ctl.Program(ctl.Environment{NetNS: s.net.FD()}).Run(ctx, line,
			cli.Streams{Out: out, Err: io.Discard})
	}()
	return out, func() int {
		cancel()
		select {
		case c := <-code:
			return c
		case <-time.After(5 * time.Second):
			t.Fatal("denials -f did not end")
		}
		return -1
	}
}

// line waits for one more line.
func (o *told) line(t *testing.T) time.Time {
	t.Helper()
	select {
	case at := <-o.lines:
		return at
	case <-time.After(5 * time.Second):
		t.Fatalf("no further line behind\n%s", o)
	}
	return time.Time{}
}

// marker is the id of records that only show that somebody follows.
var marker = id(25)

// ready writes markers until the first line comes: then the end of the journal is found.
func (s *site) ready(t *testing.T, out *told) {
	t.Helper()
	for range 100 {
		s.record(t, s.spoofed(25))
		select {
		case <-out.lines:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatal("nobody follows")
}

// TestFollowShowsARecordWithin100Milliseconds of its being written, the fastest of three: the
// machine of a test may be busy, and a reader that is late by design always is.
func TestFollowShowsARecordWithin100Milliseconds(t *testing.T) {
	s := newSite(t)
	s.recordAll(t)
	out, stop := s.follow(t)
	out.line(t) // the header
	s.ready(t, out)
	time.Sleep(200 * time.Millisecond)
	for len(out.lines) > 0 {
		out.line(t) // markers
	}
	fastest := time.Hour
	for n := range byte(3) {
		r := s.spoofed(7 + n)
		// Followed from somewhere inside the wait, not from its beginning.
		time.Sleep(time.Duration(n)*17*time.Millisecond + 200*time.Millisecond)
		s.record(t, r)
		written := time.Now()
		fastest = min(fastest, out.line(t).Sub(written))
	}
	if fastest > 100*time.Millisecond {
		t.Errorf("got %s from a record's being written to its being shown, want at most 100 ms", fastest)
	}
	if code := stop(); code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
	text := out.String()
	if strings.Contains(text, id(0)) ||
		strings.Count(text, "\n")-strings.Count(text, marker) != 4 || !strings.Contains(text, id(9)) {
		t.Errorf("got\n%s\nwant the header and the three new records", text)
	}
}

func TestFollowSelects(t *testing.T) {
	s := newSite(t)
	s.recordAll(t)
	for _, tc := range []struct {
		name string
		line []string
		want string // the ids, in order
	}{
		{"what comes", nil, "HIJ"}, // losses too: there is no end to tell them at
		{"denials alone", []string{"--kind", "deny"}, "HJ"},
		{"since the morning", []string{allDay, "--port", "53"}, "CHJ"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.denials = t.TempDir()
			s.recordAll(t)
			out, stop := s.follow(t, append(tc.line, "-o", "json")...)
			s.ready(t, out)
			s.record(t, s.spoofed(7), s.lost(8, 5))
			s.record(t, s.spoofed(9))
			for !strings.Contains(out.String(), id(9)) {
				out.line(t)
			}
			stop()
			got := ""
			for line := range strings.Lines(out.String()) {
				var r flow.Record
				if err := json.Unmarshal([]byte(line), &r); err != nil || r.ID == "" {
					t.Fatalf("%q: got %v, want a record on each line", line, err)
				}
				if r.ID != marker {
					got += r.ID[25:]
				}
			}
			if got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
