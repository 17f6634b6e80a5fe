// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"os"
)

// ErrTooLarge refuses a record that does not fit into a segment.
var ErrTooLarge = errors.New("record too large")

// Append adds records and returns when they are on disk. Every record gets a number. Those that
// cannot be written are refused and counted, and whoever reads is told their numbers as a gap;
// the error is that of the last. The next Append tries again.
func (s *Spool) Append(batch [][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.prepare()
	if err != nil {
		s.early += uint64(len(batch))
		s.stats.Refused += uint64(len(batch))
		return err
	}
	for len(batch) > 0 {
		n := s.fitting(batch)
		if n == 0 {
			n, err = 1, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(batch[0]))
			s.refuse(1)
		} else if e := s.write(batch[:n]); e != nil {
			err = e
			s.refuse(n)
		}
		batch = batch[n:]
	}
	s.stats.Err = err
	return err
}

func (s *Spool) refuse(n int) {
	s.stats.Next += uint64(n)
	s.stats.Refused += uint64(n)
}

// fitting says how many of the records may go into one segment together: into the present one if
// the first fits there, otherwise into a new one.
func (s *Spool) fitting(batch [][]byte) int {
	size := int64(len(magic))
	if s.continues(frameSize(batch[0])) {
		size = s.last().size
	}
	for n, data := range batch {
		size += frameSize(data)
		if size > s.options.SegmentBytes || len(data) > maxData {
			return n
		}
	}
	return len(batch)
}

func (s *Spool) last() *segment {
	if len(s.segments) == 0 {
		return nil
	}
	return s.segments[len(s.segments)-1]
}

// continues tells whether the next record may go into the last segment.
func (s *Spool) continues(size int64) bool {
	l := s.last()
	return l != nil && l.end == s.stats.Next && l.size > 0 &&
		l.size+size <= s.options.SegmentBytes
}

// write adds records that fit into one segment. After an error nothing of them is there.
func (s *Spool) write(batch [][]byte) error {
	var b []byte
	for i, data := range batch {
		b = appendFrame(b, s.stats.Next+uint64(i), data)
	}
	if !s.continues(frameSize(batch[0])) {
		if err := s.roll(); err != nil {
			return err
		}
	}
	if err := s.makeRoom(int64(len(b))); err != nil {
		return err
	}
	l := s.last()
	err := s.open(l)
	if err == nil {
		_, err = s.file.WriteAt(b, l.size)
	}
	if err == nil {
		err = fdatasync(s.file)
	}
	if err != nil {
		return errors.Join(err, s.undo(l))
	}
	l.size += int64(len(b))
	l.end += uint64(len(batch))
	s.stats.Bytes += int64(len(b))
	s.stats.Next = l.end
	return nil
}

// undo takes a half-written batch back. Should that fail, it stays behind the good records of a
// segment to which nothing is added any more, since its last number is not the last one given.
func (s *Spool) undo(l *segment) error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.file.Truncate(l.size), s.closeFile())
}

func (s *Spool) open(l *segment) error {
	if s.file != nil {
		return nil
	}
	f, err := os.OpenFile(l.path, os.O_WRONLY, 0)
	s.file = f
	if err != nil {
		s.file = nil
	}
	return err
}

// makeRoom drops the oldest segments, but not the last.
func (s *Spool) makeRoom(bytes int64) error {
	for len(s.segments) > 1 && s.stats.Bytes+bytes > s.options.MaxBytes {
		if err := s.remove(0); err != nil {
			return err
		}
	}
	return nil
}
