// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// MaxFrame bounds a message, in bytes; the list of a collect over ten thousand containers has
// about 1 MiB.
const MaxFrame = 32 << 20

// headerSize is the length of the length.
const headerSize = 4

// errFrame marks a frame that its sender must not have meant.
var errFrame = errors.New("frame")

// writeFrame sends a message in one write, so that small ones arrive whole.
func writeFrame(w io.Writer, text []byte) error {
	if len(text) == 0 || len(text) > MaxFrame {
		return fmt.Errorf("%w: found %d bytes, accepted 1 to %d", errFrame, len(text), MaxFrame)
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, headerSize+len(text)), uint32(len(text)))
	_, err := w.Write(append(frame, text...))
	return err
}

// readFrame receives a message. Memory follows what arrives: a length alone reserves nothing.
func readFrame(r io.Reader) ([]byte, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(header[:])
	if size == 0 || size > MaxFrame {
		return nil, fmt.Errorf("%w: found %d bytes, accepted 1 to %d", errFrame, size, MaxFrame)
	}
	var text bytes.Buffer
	_, err := io.CopyN(&text, r, int64(size))
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return text.Bytes(), err
}
