// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"sync"

	"github.com/bulkhead-net/bulkhead/internal/flow"
)

// Journal is a journal that is written. Its methods may be called by several goroutines at once.
type Journal struct {
	writer writer
	queue  int
	last   flow.Record
	found  bool

	mu sync.Mutex
	// waiting are records that the writer has not taken yet, busy how many it has in hand.
	waiting []flow.Record
	busy    int
	// flushed are closed when everything that waits now is written or missed.
	flushed []chan struct{}
	closed  bool
	stats   Stats

	wake chan struct{}
	done chan struct{}
}

// Open begins to write. It reads the directory for Last, and makes it if need be; when that
// fails, Stats says so and each Write tries again.
func Open(o Options) (*Journal, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	j := &Journal{writer: writer{options: o}, queue: o.Queue, wake: make(chan struct{}, 1),
		done: make(chan struct{})}
	j.stats.Err = j.writer.prepare()
	j.stats.Bytes = j.writer.total()
	for r, err := range Read(o.Dir, Query{NewestFirst: true}) {
		if err == nil {
			j.last, j.found = r, true
			break
		}
	}
	go j.run()
	return j, nil
}

// Last is the newest record that was there when the journal was opened, for whoever goes on with
// its numbers; false if there was none that can be read.
func (j *Journal) Last() (flow.Record, bool) { return j.last, j.found }

// Write hands records over and does not wait. It returns how many of them found the queue full
// or the journal closed; they are counted as missed.
func (j *Journal) Write(records []flow.Record) (missed int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	room, why := j.queue-len(j.waiting)-j.busy, errQueue
	if j.closed {
		room, why = 0, errClosed
	}
	if missed = max(0, len(records)-room); missed > 0 {
		j.stats.Missed += uint64(missed)
		j.stats.Err = why
	}
	j.waiting = append(j.waiting, records[:len(records)-missed]...)
	j.signal()
	return missed
}

var (
	errQueue  = errors.New("the disk does not keep up")
	errClosed = errors.New("the journal is closed")
)

// Stats returns the state.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stats
}

// Flush waits until what was written before is with the kernel, or missed.
func (j *Journal) Flush(ctx context.Context) error {
	flushed := make(chan struct{})
	j.mu.Lock()
	j.flushed = append(j.flushed, flushed)
	j.signal()
	j.mu.Unlock()
	select {
	case <-flushed:
	case <-j.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// Close writes what waits and ends. It returns early, and leaves the writer to itself, when the
// context ends first.
func (j *Journal) Close(ctx context.Context) error {
	j.mu.Lock()
	j.closed = true
	j.signal()
	j.mu.Unlock()
	select {
	case <-j.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (j *Journal) signal() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// run is the writer's goroutine.
func (j *Journal) run() {
	defer close(j.done)
	for range j.wake {
		j.mu.Lock()
		batch, flushed, closed := j.waiting, j.flushed, j.closed
		j.waiting, j.flushed, j.busy = nil, nil, len(batch)
		j.mu.Unlock()

		written, err := j.writer.write(batch)

		j.mu.Lock()
		j.busy = 0
		j.stats.Written += uint64(written)
		j.stats.Missed += uint64(len(batch) - written)
		j.stats.Bytes = j.writer.total()
		if err != nil || written > 0 {
			j.stats.Err = err
		}
		j.mu.Unlock()
		for _, f := range flushed {
			close(f)
		}
		if closed {
			// What is wrong with the last file's end is found by the next Open.
			_ = j.writer.close()
			return
		}
	}
}
