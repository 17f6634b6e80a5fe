// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
)

// Options says where a spool is and how large it may grow.
type Options struct {
	// Dir is made, readable by its owner alone, if it does not exist.
	Dir string
	// MaxBytes bounds the files together; 256 MiB if 0.
	MaxBytes int64
	// SegmentBytes is the size at which a new file begins, and so what is dropped at once when the
	// spool is full; a sixteenth of MaxBytes if 0, and at most half of it.
	SegmentBytes int64
	// BatchBytes bounds what Next returns at once; 4 MiB if 0. One record is always returned.
	BatchBytes int64
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("spool: no directory")
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 256 << 20
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = o.MaxBytes / 16
	}
	if o.BatchBytes == 0 {
		o.BatchBytes = 4 << 20
	}
	smallest := int64(len(magic) + headerSize + 1)
	if o.SegmentBytes < smallest || o.SegmentBytes > o.MaxBytes/2 || o.BatchBytes < 0 {
		return o, fmt.Errorf("spool: segments of %d bytes, want %d to half of %d", o.SegmentBytes,
			smallest, o.MaxBytes)
	}
	return o, nil
}

// Cut is what was found on disk and could not be read back.
type Cut struct {
	// Records are counted by what is left of their headers; an end that is no record counts as
	// one. Damaged lengths can make it a few too many or too few.
	Records uint64
	Bytes   uint64
}

// Stats is the state of a spool. The counts are of this process.
type Stats struct {
	// Next is the number that the next record gets, Acked the highest that was acknowledged.
	Next, Acked uint64
	// Bytes are on disk.
	Bytes int64
	// Dropped are records that nobody had acknowledged when their room was needed.
	Dropped uint64
	// Refused are records that could not be written; they have numbers.
	Refused uint64
	Cut     Cut
	// Err is why the last Append, or the last attempt to read the directory, failed; nil once one
	// has succeeded.
	Err error
}
