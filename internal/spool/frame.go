// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A segment is magic and then frames:
//
//	4 bytes  length of the data
//	4 bytes  CRC-32C of everything else in the frame
//	8 bytes  the record's number
//	         data
//
// Numbers are little-endian. The record's number is in each frame so that what a disk returns of
// some older file is not taken for a record of this one.
const (
	magic      = "bhspool1"
	headerSize = 16
)

// maxData bounds what a reader allocates on a length's word.
const maxData = 16 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errBad marks a frame that is none. It is how a torn write and a damaged disk look.
var errBad = errors.New("not a record")

func frameSize(data []byte) int64 { return headerSize + int64(len(data)) }

func appendFrame(to []byte, seq uint64, data []byte) []byte {
	start := len(to)
	to = binary.LittleEndian.AppendUint32(to, uint32(len(data)))
	to = append(to, 0, 0, 0, 0)
	to = binary.LittleEndian.AppendUint64(to, seq)
	to = append(to, data...)
	binary.LittleEndian.PutUint32(to[start+4:], checksum(to[start:start+headerSize],
		to[start+headerSize:]))
	return to
}

func checksum(header, data []byte) uint32 {
	sum := crc32.Update(0, castagnoli, header[:4])
	sum = crc32.Update(sum, castagnoli, header[8:headerSize])
	return crc32.Update(sum, castagnoli, data)
}

// readFrame reads the frame of one record: io.EOF if there is nothing at all, errBad if there is
// something else. Other errors are the disk's.
func readFrame(r *bufio.Reader, seq uint64) ([]byte, error) {
	var header [headerSize]byte
	if n, err := io.ReadFull(r, header[:]); err != nil {
		return nil, torn(n, err)
	}
	length := binary.LittleEndian.Uint32(header[:])
	if length > maxData || binary.LittleEndian.Uint64(header[8:]) != seq {
		return nil, errBad
	}
	data := make([]byte, length)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, torn(1, err)
	}
	if binary.LittleEndian.Uint32(header[4:]) != checksum(header[:], data) {
		return nil, errBad
	}
	return data, nil
}

// torn tells an end amid n bytes from an end and from an error.
func torn(n int, err error) error {
	if n > 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		return fmt.Errorf("%w: cut short", errBad)
	}
	return err
}

// countFrames says how many records the rest of a segment held, by the lengths and numbers of
// headers: at least one, and an end that is no header counts as one.
func countFrames(r io.ReaderAt, offset, size int64, seq uint64) uint64 {
	var n uint64
	for offset < size {
		var header [headerSize]byte
		_, err := r.ReadAt(header[:], offset)
		if err != nil || binary.LittleEndian.Uint64(header[8:]) != seq+n {
			break
		}
		n++
		offset += headerSize + int64(binary.LittleEndian.Uint32(header[:]))
		if offset >= size {
			return n
		}
	}
	return n + 1
}
