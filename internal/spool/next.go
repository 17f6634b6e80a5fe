// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrAhead refuses a number that this spool has not given yet. A reader that gets it has read
// another spool: this one's directory was emptied.
var ErrAhead = errors.New("ahead of the spool")

// Record is one record with its number.
type Record struct {
	Seq  uint64
	Data []byte
}

// Gap is numbers that cannot be read: dropped, cut or refused.
type Gap struct {
	From, To uint64 // both included
	Records  uint64
}

// Batch is what Next found. The gap, if Gap.Records is not 0, comes before the first record.
type Batch struct {
	Gap     Gap
	Records []Record
	// Next is the number to ask for next.
	Next uint64
}

// cursor remembers where a record begins, since readers go on where they stopped.
type cursor struct {
	path   string
	seq    uint64
	offset int64
}

// Next returns records from a number on, or from the first that was not acknowledged if it is 0,
// at most so many. It does not wait: a batch without records is the end. A gap is told with the
// first record after it, for only then would a restart tell the same. Next removes nothing.
func (s *Spool) Next(from uint64, most int) (Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.prepare(); err != nil {
		return Batch{}, err
	}
	if from == 0 {
		from = s.stats.Acked + 1
	}
	if from > s.stats.Next {
		return Batch{}, fmt.Errorf("%w: record %d, the next is %d", ErrAhead, from, s.stats.Next)
	}
	b := Batch{Next: from}
	for len(b.Records) == 0 && most > 0 {
		one := s.holding(from)
		if one == nil {
			return b, nil
		}
		if err := s.read(one, &b, most); err != nil {
			return Batch{}, err
		}
	}
	if len(b.Records) > 0 && b.Records[0].Seq > from {
		first := b.Records[0].Seq
		b.Gap = Gap{From: from, To: first - 1, Records: first - from}
	}
	return b, nil
}

// holding returns the first segment with a record of this number or a higher one.
func (s *Spool) holding(seq uint64) *segment {
	for _, one := range s.segments {
		if one.end > seq {
			return one
		}
	}
	return nil
}

// read adds records of one segment from b.Next on. Records that are damaged now, though they
// were good once, end the segment and are counted as cut.
func (s *Spool) read(one *segment, b *Batch, most int) error {
	at := cursor{one.path, one.first, int64(len(magic))}
	if s.cursor.path == one.path && s.cursor.seq <= b.Next {
		at = s.cursor
	}
	f, err := os.Open(one.path)
	if errors.Is(err, fs.ErrNotExist) {
		s.cut(one, cursor{one.path, one.first, 0})
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(io.NewSectionReader(f, at.offset, one.size-at.offset), 64<<10)
	var bytes int64
	for at.seq < one.end && len(b.Records) < most && bytes < s.options.BatchBytes {
		data, err := readFrame(r, at.seq)
		if errors.Is(err, errBad) || errors.Is(err, io.EOF) {
			s.cut(one, at)
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", one.path, err)
		}
		if at.seq >= b.Next {
			b.Records = append(b.Records, Record{at.seq, data})
			b.Next = at.seq + 1
			bytes += int64(len(data))
		}
		at.seq, at.offset = at.seq+1, at.offset+frameSize(data)
	}
	s.cursor = at
	return nil
}

// cut ends a segment where its good records end now. Nothing is added to it any more, since its
// last number is not the last one given.
func (s *Spool) cut(one *segment, at cursor) {
	s.stats.Cut.Records += one.end - at.seq
	s.stats.Cut.Bytes += uint64(one.size - at.offset)
	s.stats.Bytes -= one.size - at.offset
	one.end, one.size = at.seq, at.offset
	s.cursor = cursor{}
}
