// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"errors"
	"time"
)

// Run follows the directory until ctx ends, and then closes the watch.
func (w *Watch) Run(ctx context.Context) {
	defer w.Close()
	stop := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.notify != nil {
			w.notify.wake(time.Time{})
		}
	})
	defer stop()
	for {
		notify, isOpen := w.round(ctx)
		if !isOpen {
			return
		}
		if notify != nil {
			notify.wait()
			sleep(ctx, breath)
			continue
		}
		sleep(ctx, lookEvery)
	}
}

// breath lets the events of a busy writer come together: one look costs as much as many events.
const breath = time.Millisecond

// round looks once, and returns the queue to wait for, nil when there is none. It is false when
// the watch has ended.
func (w *Watch) round(ctx context.Context) (*inotify, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.closed || ctx.Err() != nil {
		return nil, false
	}
	w.update(now, false)
	if w.notify != nil {
		w.notify.wake(w.next(now))
	}
	return w.notify, true
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Close ends the watch of somebody who does not call Run.
func (w *Watch) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.detach()
}

var errClosed = errors.New("policy directory: watch has ended")

// next is when something has to be looked at without an event.
func (w *Watch) next(now time.Time) time.Time {
	at := now.Add(lookEvery)
	if w.notify != nil {
		at = earlier(at, w.swept.Add(w.options.Sweep))
	}
	for _, e := range w.entries {
		if e.dirty {
			return now
		}
		if e.pending != none && !(e.pending == absent && w.isReplaced()) {
			at = earlier(at, e.due)
		}
	}
	return at
}

// isPending tells whether a file is not yet to be believed.
func (w *Watch) isPending() bool {
	for _, e := range w.entries {
		if e.dirty || e.pending != none && e.pending != failed {
			return true
		}
	}
	return false
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (w *Watch) announce() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

func (w *Watch) setError(err error) {
	if (err == nil) != (w.err == nil) {
		w.announce()
	}
	w.err = err
}
