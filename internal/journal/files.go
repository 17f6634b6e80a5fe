// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const extension = ".jsonl"

// file is one file of a journal.
type file struct {
	path   string
	number uint64
	size   int64
	time   time.Time // of the last write
}

func pathOf(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%012d%s", number, extension))
}

// list returns the files in the order in which they were written.
func list(dir string) ([]file, error) {
	// ReadDir sorts by name.
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []file
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), extension)
		number, err := strconv.ParseUint(digits, 10, 64)
		if !ok || err != nil || len(digits) != 12 {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, file{filepath.Join(dir, e.Name()), number, info.Size(), info.ModTime()})
	}
	return out, nil
}

// unlinked tells whether somebody has deleted an open file.
func unlinked(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return true
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 0
}
