// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"context"
	"sync"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/spool"
	"github.com/bulkhead-net/bulkhead/internal/wire"
)

const (
	// maxSpooling is how many records wait for the spool's disk at the most.
	maxSpooling = 16384
	// spoolRest is the rest between two writes: each waits for the disk.
	spoolRest = 200 * time.Millisecond
)

// spooler writes records to the spool, and makes nobody wait for its disk.
type spooler struct {
	spool *spool.Spool
	wake  chan struct{}

	mu      sync.Mutex
	waiting []flow.Record
	// missed found no room, unfit cannot be written in the form of the wire.
	missed, unfit uint64
}

func newSpooler(s *spool.Spool) *spooler {
	return &spooler{spool: s, wake: make(chan struct{}, 1)}
}

// add takes records as long as there is room.
func (s *spooler) add(records []flow.Record) {
	s.mu.Lock()
	n := min(len(records), maxSpooling-len(s.waiting))
	s.waiting = append(s.waiting, records[:n]...)
	s.missed += uint64(len(records) - n)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run writes until ctx ends, and then what is left.
func (s *spooler) run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-s.wake:
			s.write()
		case <-ctx.Done():
		}
		select {
		case <-time.After(spoolRest):
		case <-ctx.Done():
		}
	}
	s.write()
}

func (s *spooler) write() {
	s.mu.Lock()
	records := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	if len(records) == 0 {
		return
	}
	batch := make([][]byte, 0, len(records))
	unfit := 0
	for i := range records {
		b, err := wire.Marshal(records[i])
		if err != nil {
			unfit++
			continue
		}
		batch = append(batch, b)
	}
	// What the disk refuses is counted by the spool, and stands in its state.
	_ = s.spool.Append(batch)
	s.mu.Lock()
	s.unfit += uint64(unfit)
	s.mu.Unlock()
}

func (s *spooler) close() error { return s.spool.Close() }
