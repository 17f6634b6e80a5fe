// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/bulkhead-net/bulkhead/internal/flow"
)

// chunk is how many bytes are written at once, roughly.
const chunk = 256 << 10

// writer is what a journal's goroutine has to itself.
type writer struct {
	options Options
	ready   bool
	// files are in order; out is the last one, open, or nil.
	files  []file
	out    *os.File
	number uint64
	// torn says that the last file may end amid a line.
	torn bool
}

func (w *writer) total() (bytes int64) {
	for _, f := range w.files {
		bytes += f.size
	}
	return bytes
}

// prepare reads the directory until that has succeeded once.
func (w *writer) prepare() error {
	if w.ready {
		return nil
	}
	if err := os.MkdirAll(w.options.Dir, 0o700); err != nil {
		return err
	}
	// Somebody else may have made it, for everyone.
	if info, err := os.Stat(w.options.Dir); err == nil && info.Mode().Perm() != 0o700 {
		if err := os.Chmod(w.options.Dir, 0o700); err != nil {
			return err
		}
	}
	files, err := list(w.options.Dir)
	if err != nil {
		return err
	}
	w.files, w.ready, w.torn = files, true, true
	if len(files) > 0 {
		w.number = max(w.number, files[len(files)-1].number)
	}
	return nil
}

// write returns how many records are in the files. The error is that of the last that is not.
func (w *writer) write(records []flow.Record) (written int, err error) {
	if w.out != nil && unlinked(w.out) {
		// What its descriptor says of a file that is gone does not matter.
		_ = w.close()
		w.ready = false
	}
	if err := w.prepare(); err != nil {
		return 0, err
	}
	w.removeOld()
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	count := 0
	for i, r := range records {
		before := lines.Len()
		if e := encoder.Encode(r); e != nil {
			lines.Truncate(before)
			err = e
		} else {
			count++
		}
		if lines.Len() < chunk && i < len(records)-1 || count == 0 {
			continue
		}
		if e := w.put(lines.Bytes()); e != nil {
			err = e
		} else {
			written += count
		}
		lines.Reset()
		count = 0
	}
	return written, err
}

// put writes whole lines. After an error none of them is there, or the next begin on a line of
// their own.
func (w *writer) put(lines []byte) error {
	if err := w.open(int64(len(lines))); err != nil {
		return err
	}
	f := &w.files[len(w.files)-1]
	if w.torn && f.size > 0 {
		lines = append([]byte("\n"), lines...)
	}
	for len(w.files) > 1 && w.total()+int64(len(lines)) > w.options.TotalBytes {
		if err := w.removeOldest(); err != nil {
			return err
		}
		f = &w.files[len(w.files)-1]
	}
	n, err := w.out.Write(lines)
	if err != nil {
		if e := w.out.Truncate(f.size); e != nil {
			f.size += int64(n)
			w.torn = true
			err = errors.Join(err, e)
		}
		return err
	}
	f.size += int64(n)
	w.torn = false
	if w.options.Now != nil {
		f.time = w.options.Now()
	}
	return nil
}

// open sees to it that there is a file to which so many bytes may be added.
func (w *writer) open(bytes int64) error {
	if n := len(w.files); n > 0 && (w.files[n-1].size == 0 ||
		w.files[n-1].size+bytes < w.options.FileBytes) {
		if w.out != nil {
			return nil
		}
		return w.reopen(&w.files[n-1])
	}
	if w.out != nil {
		if err := errors.Join(w.out.Sync(), w.close()); err != nil {
			return err
		}
	}
	return w.begin()
}

// begin makes the next file the one that is written.
func (w *writer) begin() error {
	f := file{path: pathOf(w.options.Dir, w.number+1), number: w.number + 1}
	out, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if w.options.Now != nil {
		f.time = w.options.Now()
	}
	w.out, w.torn, w.number = out, false, f.number
	w.files = append(w.files, f)
	return nil
}

// reopen goes on with a file of an earlier process.
func (w *writer) reopen(f *file) error {
	out, err := os.OpenFile(f.path, os.O_RDWR|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		w.ready = false
	}
	if err != nil {
		return err
	}
	var end [1]byte
	if f.size > 0 {
		if _, err := out.ReadAt(end[:], f.size-1); err != nil {
			return errors.Join(err, out.Close())
		}
	}
	w.out, w.torn = out, end[0] != '\n'
	return nil
}

func (w *writer) close() error {
	if w.out == nil {
		return nil
	}
	err := w.out.Close()
	w.out = nil
	return err
}

func (w *writer) removeOldest() error {
	if err := os.Remove(w.files[0].path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	w.files = w.files[1:]
	return nil
}

// removeOld deletes files by age. What cannot be deleted is tried again with the next Write.
func (w *writer) removeOld() {
	if w.options.MaxAge == 0 {
		return
	}
	oldest := w.options.Now().Add(-w.options.MaxAge)
	for len(w.files) > 0 && w.files[0].time.Before(oldest) {
		if len(w.files) == 1 {
			_ = w.close() // about to be deleted
		}
		if w.removeOldest() != nil {
			return
		}
	}
}
