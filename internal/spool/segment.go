// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const extension = ".seg"

// segment is one file: the records from first to end, without end.
type segment struct {
	path       string
	first, end uint64
	// size is how many bytes hold good records; the file may be longer.
	size int64
	// torn says that it is.
	torn bool
}

func newSegment(dir string, first uint64) *segment {
	return &segment{path: filepath.Join(dir, fmt.Sprintf("%020d%s", first, extension)),
		first: first, end: first}
}

// parseName returns the first record's number, if a file is a segment.
func parseName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, extension)
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, ok && err == nil && len(digits) == 20 && first > 0
}

// scan walks the records of a segment and finds where the good ones end. It returns what it had
// to leave.
func (s *segment) scan() (Cut, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return Cut{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Cut{}, err
	}
	r := bufio.NewReaderSize(f, 256<<10)
	err = readMagic(r)
	for err == nil {
		var data []byte
		if s.size == 0 {
			s.size = int64(len(magic))
		}
		if data, err = readFrame(r, s.end); err == nil {
			s.end, s.size = s.end+1, s.size+frameSize(data)
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		return Cut{}, nil
	case !errors.Is(err, errBad):
		return Cut{}, fmt.Errorf("%s: %w", s.path, err)
	}
	s.torn = true
	left := Cut{Bytes: uint64(info.Size() - s.size)}
	// A file that ends amid the magic never had a record.
	if from := max(s.size, int64(len(magic))); info.Size() > from {
		left.Records = countFrames(f, from, info.Size(), s.end)
	}
	return left, nil
}

func readMagic(r io.Reader) error {
	var b [len(magic)]byte
	n, err := io.ReadFull(r, b[:])
	if err != nil {
		return torn(n, err)
	}
	if string(b[:]) != magic {
		return errBad
	}
	return nil
}
