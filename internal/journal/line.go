// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds a line that is read.
const maxLine = 1 << 20

// LineError names a line that is no record, and was passed over.
type LineError struct {
	File string
	// Offset is where the line begins, in bytes.
	Offset int64
	Err    error
}

func (e *LineError) Error() string {
	return fmt.Sprintf("%s: at byte %d: %v", e.File, e.Offset, e.Err)
}

func (e *LineError) Unwrap() error { return e.Err }

var (
	errShort = errors.New("the line is cut short")
	errLong  = fmt.Errorf("the line is longer than %d bytes", maxLine)
)

// takeLine gets a line, without its end, and where it begins. It returns whether to go on.
type takeLine func(offset int64, line []byte, wrong error) bool

// forward reads lines from an offset on. It returns where the last line ends that was whole.
func forward(r io.ReaderAt, offset int64, take takeLine) (int64, error) {
	in := bufio.NewReaderSize(io.NewSectionReader(r, offset, 1<<62), 64<<10)
	for {
		begin := offset
		line, length, wrong, err := readLine(in)
		if errors.Is(err, io.EOF) {
			if length > 0 {
				take(begin, nil, errShort)
			}
			return begin, nil
		}
		if err != nil {
			return begin, err
		}
		offset += length
		if !take(begin, bytes.TrimSuffix(line, []byte("\n")), wrong) {
			return offset, nil
		}
	}
}

// readLine reads a line, its end included, and how long it is. Of one that is too long nothing is
// kept. The line is good until the next is read.
func readLine(in *bufio.Reader) (line []byte, length int64, wrong, err error) {
	line, err = in.ReadSlice('\n')
	length = int64(len(line))
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, length, nil, err
	}
	line = bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		var more []byte
		more, err = in.ReadSlice('\n')
		length += int64(len(more))
		if length > maxLine {
			line, wrong = nil, errLong
		} else {
			line = append(line, more...)
		}
	}
	return line, length, wrong, err
}

// block is how much is read at once from the end.
const block = 256 << 10

// backward reads lines from the end on.
func backward(r io.ReaderAt, size int64, take takeLine) error {
	var text []byte // from position at to the end of the line in hand
	wrong := errShort
	for at := size; at > 0; {
		n := min(at, block)
		at -= n
		grown := make([]byte, n, n+int64(len(text)))
		if _, err := r.ReadAt(grown, at); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		text = append(grown, text...)
		for {
			i := bytes.LastIndexByte(text, '\n')
			if i < 0 && at > 0 {
				break
			}
			line := text[i+1:]
			if len(line) >= maxLine { // with its end, it is longer
				wrong = errLong
			}
			if len(line) > 0 && !take(at+int64(i)+1, line, wrong) || i < 0 {
				return nil
			}
			text, wrong = text[:i], nil
		}
		if len(text) > maxLine {
			text, wrong = text[:1], errLong
		}
	}
	return nil
}
