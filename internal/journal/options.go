// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"time"
)

// Options says where a journal is and how much it keeps.
type Options struct {
	// Dir is made if it does not exist; only its owner may enter it.
	Dir string
	// FileBytes is the size at which a new file begins; 64 MiB if 0.
	FileBytes int64
	// TotalBytes bounds the files together; eight of them if 0, so 512 MiB, and at least two.
	TotalBytes int64
	// MaxAge is how long after its last record a file is kept; forever if 0. It needs Now. Files
	// are looked at when Write is called, be it without records.
	MaxAge time.Duration
	Now    func() time.Time
	// Queue is how many records may wait for the disk; 16,384 if 0.
	Queue int
}

func (o Options) withDefaults() (Options, error) {
	if o.FileBytes == 0 {
		o.FileBytes = 64 << 20
	}
	if o.TotalBytes == 0 {
		o.TotalBytes = 8 * o.FileBytes
	}
	if o.Queue == 0 {
		o.Queue = 16 << 10
	}
	switch {
	case o.Dir == "":
		return o, errors.New("journal: no directory")
	case o.FileBytes < 0 || o.TotalBytes < 2*o.FileBytes:
		return o, errors.New("journal: no room for two files")
	case o.MaxAge < 0 || o.MaxAge > 0 && o.Now == nil:
		return o, errors.New("journal: an age without a clock")
	case o.Queue < 0:
		return o, errors.New("journal: no queue")
	}
	return o, nil
}

// Stats is the state of a journal. The counts are of this process.
type Stats struct {
	// Written and Missed are records.
	Written, Missed uint64
	// Bytes are on disk.
	Bytes int64
	// Err is why the last records were missed; nil once some were written again.
	Err error
}
