// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"time"
)

// task is one thing that the agent keeps true. It runs when something woke it, again after a
// failure, and from time to time without a reason.
type task struct {
	name string
	run  func(context.Context) error
	// every is how often it runs without a reason; 0 for never.
	every time.Duration
	// gap is how long it rests after a run: the first of many changes is served at once, the
	// others together.
	gap time.Duration

	due      time.Time // zero: nothing to do
	ended    time.Time // of the last run
	failures int       // in a row
	err      error     // of the last run
}

// The pauses after a failure, doubled each time. The kernel's state is safe meanwhile, so a fault
// that lasts must not cost a CPU.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 10 * time.Second
)

// wake makes the task run as soon as its rest is over. A task that failed waits for its retry no
// longer: something has changed.
func (t *task) wake(now time.Time) {
	at := now
	if rested := t.ended.Add(t.gap); !t.ended.IsZero() && rested.After(now) {
		at = rested
	}
	if t.due.IsZero() || at.Before(t.due) {
		t.due = at
	}
}

// serve runs the task and sets its next time.
func (t *task) serve(ctx context.Context, now func() time.Time) {
	t.due = time.Time{}
	t.err = t.run(ctx)
	t.ended = now()
	switch {
	case t.err != nil:
		t.failures++
		t.due = t.ended.Add(retryAfter(t.failures))
	case t.every > 0:
		t.failures, t.due = 0, t.ended.Add(t.every)
	default:
		t.failures = 0
	}
}

func retryAfter(failures int) time.Duration {
	pause := firstRetry
	for i := 1; i < failures && pause < lastRetry; i++ {
		pause *= 2
	}
	return min(pause, lastRetry)
}

// next is the task that is due first, nil if none is.
func next(tasks []*task) *task {
	var first *task
	for _, t := range tasks {
		if !t.due.IsZero() && (first == nil || t.due.Before(first.due)) {
			first = t
		}
	}
	return first
}
