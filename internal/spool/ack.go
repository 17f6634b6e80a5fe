// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
)

// ackedName holds the highest number that was acknowledged, and a CRC-32C of it: 12 bytes, which
// are written over each time. A torn one is no harm: records are delivered again.
const ackedName = "acked"

// Ack says that everything up to a number has been taken over. Files that hold nothing else are
// removed. Numbers that were never given are refused; older ones than the last change nothing.
func (s *Spool) Ack(seq uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.prepare(); err != nil {
		return err
	}
	if seq >= s.stats.Next {
		return fmt.Errorf("%w: record %d, the next is %d", ErrAhead, seq, s.stats.Next)
	}
	if seq <= s.stats.Acked {
		return nil
	}
	s.stats.Acked = seq
	err := writeAcked(s.options.Dir, seq)
	s.removeAcked()
	return err
}

// removeAcked deletes segments that nobody needs, but for the last: it holds the numbers. What
// cannot be deleted now is deleted with the next.
func (s *Spool) removeAcked() {
	for len(s.segments) > 1 && s.segments[0].end <= s.stats.Acked+1 {
		if s.remove(0) != nil {
			return
		}
	}
}

func readAcked(dir string) (uint64, bool) {
	b, err := os.ReadFile(filepath.Join(dir, ackedName))
	if err != nil || len(b) != 12 ||
		crc32.Checksum(b[:8], castagnoli) != binary.LittleEndian.Uint32(b[8:]) {
		return 0, false
	}
	return binary.LittleEndian.Uint64(b), true
}

func writeAcked(dir string, seq uint64) error {
	b := binary.LittleEndian.AppendUint64(nil, seq)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	f, err := os.OpenFile(filepath.Join(dir, ackedName), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
