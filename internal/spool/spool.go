// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"
)

// Spool is an open spool. Its methods may be called by several goroutines at once.
type Spool struct {
	options Options

	mu    sync.Mutex
	ready bool // the directory has been read
	// segments are in order. Records are added to the last, through file.
	segments []*segment
	file     *os.File
	stats    Stats
	cursor   cursor
	// early are records that were refused before it was known which numbers they have.
	early uint64
}

// Open returns a spool. A directory that cannot be made or read is no error here: it is tried
// again by each call, and Stats tells.
func Open(o Options) (*Spool, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Spool{options: o}
	s.mu.Lock()
	defer s.mu.Unlock()
	// What is wrong stands in the state.
	_ = s.prepare()
	return s, nil
}

// Close releases the files.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closeFile()
}

// Stats returns the state.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

func (s *Spool) closeFile() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// prepare reads the directory until that has succeeded once.
func (s *Spool) prepare() error {
	if s.ready {
		return nil
	}
	s.stats.Err = s.readDir()
	return s.stats.Err
}

func (s *Spool) readDir() error {
	if err := os.MkdirAll(s.options.Dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(s.options.Dir)
	if err != nil {
		return err
	}
	// ReadDir sorts by name, so the segments are in order.
	var segments []*segment
	var cut Cut
	next := uint64(1)
	for _, e := range entries {
		first, ok := parseName(e.Name())
		if !ok {
			continue
		}
		one := newSegment(s.options.Dir, first)
		left, err := one.scan()
		if err != nil {
			return err
		}
		cut.Records, cut.Bytes = cut.Records+left.Records, cut.Bytes+left.Bytes
		// The numbers of what was cut are not given again: somebody may have read them.
		next = max(next, one.end+left.Records)
		segments = append(segments, one)
	}
	s.take(segments, cut, next)
	return nil
}

// take makes what was read the state.
func (s *Spool) take(segments []*segment, cut Cut, next uint64) {
	s.segments, s.ready = segments, true
	s.stats.Cut = cut
	for _, one := range segments {
		s.stats.Bytes += one.size
	}
	if acked, ok := readAcked(s.options.Dir); ok {
		s.stats.Acked = acked
	}
	s.stats.Next = max(next, s.stats.Acked+1) + s.early
	s.early = 0
	s.removeAcked()
}

// remove forgets a segment and deletes its file. Records that nobody acknowledged are dropped.
func (s *Spool) remove(i int) error {
	one := s.segments[i]
	if err := os.Remove(one.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if from := max(one.first, s.stats.Acked+1); from < one.end {
		s.stats.Dropped += one.end - from
	}
	s.stats.Bytes -= one.size
	if i == len(s.segments)-1 {
		// The file is gone; what its descriptor says does not matter.
		_ = s.closeFile()
	}
	s.segments = slices.Delete(s.segments, i, i+1)
	return nil
}
