// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/durable"
)

// roll begins a new segment with the next number. The last one stays until the new one is on
// disk: its name is what the numbers go on from after a restart.
func (s *Spool) roll() error {
	if err := s.closeFile(); err != nil {
		return err
	}
	one := newSegment(s.options.Dir, s.stats.Next)
	if err := s.create(one); err != nil {
		return err
	}
	old := s.last()
	if old != nil && old.path == one.path {
		// An empty one whose beginning was torn.
		s.segments = s.segments[:len(s.segments)-1]
		s.stats.Bytes -= old.size
		old = nil
	}
	if old != nil && old.torn {
		// The numbers of what was cut are safe in the new name, so it need not be counted again.
		// On a disk that does not let go of it, it is.
		_ = os.Truncate(old.path, old.size)
		old.torn = false
	}
	s.segments = append(s.segments, one)
	s.stats.Bytes += one.size
	if old != nil && old.first == old.end {
		// Should it not go now, it goes when it is the oldest.
		_ = s.remove(len(s.segments) - 2)
	}
	return nil
}

func (s *Spool) create(one *segment) error {
	if err := os.MkdirAll(s.options.Dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(one.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(magic)
	if err == nil {
		err = errors.Join(fdatasync(f), durable.SyncDir(s.options.Dir))
	}
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(one.path))
	}
	one.size = int64(len(magic))
	s.file = f
	return nil
}

func fdatasync(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
