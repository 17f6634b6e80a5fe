// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"testing"
	"time"
)

// hand is a clock that a test turns.
type hand struct{ at time.Time }

func (h *hand) now() time.Time { return h.at }

// TestTaskTimes: a task runs when woken, rests, is tried again after a failure, and from time to
// time without a reason.
func TestTaskTimes(t *testing.T) {
	h := &hand{at: time.Now()}
	began := h.at
	var result error
	k := &task{name: "k", run: func(context.Context) error { return result },
		every: 30 * time.Second, gap: 100 * time.Millisecond}
	want := func(what string, due time.Duration) {
		t.Helper()
		if got := k.due.Sub(began); k.due.IsZero() || got != due {
			t.Errorf("%s: got due at %v, want %v", what, got, due)
		}
	}
	k.wake(h.now())
	want("first wake", 0)
	k.serve(t.Context(), h.now)
	want("served", 30*time.Second)
	h.at = h.at.Add(10 * time.Millisecond)
	k.wake(h.now())
	want("woken while it rests", 100*time.Millisecond)
	k.wake(h.now().Add(time.Second))
	want("woken for later", 100*time.Millisecond)

	h.at, result = began.Add(time.Second), errors.New("no")
	for i, due := range []time.Duration{1100 * time.Millisecond, 1200 * time.Millisecond,
		1400 * time.Millisecond, 1800 * time.Millisecond} {
		k.serve(t.Context(), h.now)
		want("failed", due)
		if k.failures != i+1 || k.err == nil {
			t.Errorf("failed: got %d failures and %v, want %d", k.failures, k.err, i+1)
		}
	}
	for range 10 {
		k.serve(t.Context(), h.now)
	}
	want("failed often", 11*time.Second)
	result = nil
	k.serve(t.Context(), h.now)
	want("works again", 31*time.Second)
	if k.failures != 0 || k.err != nil {
		t.Errorf("works again: got %d failures and %v, want none", k.failures, k.err)
	}
}

// TestClockJump: a step of the machine's clock neither starves a task nor makes it run without
// end. The clock that is stepped is everybody's, so the test does not set it; it wants every time
// that decides when something runs, or whether it hangs, to carry the monotonic clock, by which
// Go then compares and subtracts.
func TestClockJump(t *testing.T) {
	k := &task{name: "k", run: func(context.Context) error { return nil },
		every: time.Second, gap: time.Second}
	k.wake(time.Now())
	woken := k.due
	k.serve(t.Context(), time.Now)
	served := k.due
	k.wake(time.Now())
	var p pulse
	end := p.begin("k")
	defer end()
	for what, at := range map[string]time.Time{"woken": woken, "served": served, "rest": k.due,
		"ended": k.ended, "pulse": p.since} {
		if at == at.Round(0) { // which strips it
			t.Errorf("%s: got %v, a time of the machine's clock alone", what, at)
		}
	}
}
