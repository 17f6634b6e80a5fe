// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
)

// Following says where to begin and how to wait.
type Following struct {
	// Since begins with the records that have a part at or after it; zero begins with what is
	// written from now on.
	Since time.Time
	// Wait waits a moment before the files are looked at again; 200 ms if nil.
	Wait func(context.Context)
}

// Follow yields records as they are written, across files, until the context ends. Errors are as
// with Read. A directory that does not exist yet is waited for.
func Follow(ctx context.Context, dir string, o Following) iter.Seq2[flow.Record, error] {
	if o.Wait == nil {
		o.Wait = wait
	}
	return func(yield func(flow.Record, error) bool) {
		f := follower{dir: dir, query: Query{Since: o.Since}}
		defer f.close()
		err := f.begin(!o.Since.IsZero())
		for err == nil && ctx.Err() == nil && !f.stopped {
			var more bool
			if more, err = f.advance(yield); err == nil && !more && !f.stopped {
				o.Wait(ctx)
			}
		}
		if err != nil && !f.stopped {
			yield(flow.Record{}, err)
		}
	}
}

func wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(200 * time.Millisecond):
	}
}

// follower is where a reader is: at the beginning of a line of a file, or before all files.
type follower struct {
	dir     string
	query   Query
	in      *os.File
	number  uint64
	offset  int64
	stopped bool
}

func (f *follower) close() {
	if f.in != nil {
		_ = f.in.Close() // only read
		f.in = nil
	}
}

// begin finds the end of the newest file, or, from the beginning, leaves it to advance to find
// the first.
func (f *follower) begin(first bool) error {
	files, err := list(f.dir)
	if errors.Is(err, fs.ErrNotExist) || first || err == nil && len(files) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	last := files[len(files)-1]
	if err := f.enter(last); err != nil || f.in == nil {
		return err
	}
	// The end of the last whole line.
	return backward(f.in, last.size, func(offset int64, line []byte, wrong error) bool {
		f.offset = offset
		if wrong == nil {
			f.offset += int64(len(line)) + 1
		}
		return false
	})
}

// enter goes to the beginning of a file. It stays without one if it is gone.
func (f *follower) enter(to file) error {
	f.close()
	f.number, f.offset = to.number, 0
	in, err := os.Open(to.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	f.in = in
	return err
}

// advance yields what has come, and goes on to the next file when there is one. It tells whether
// it did: then there may be more at once.
func (f *follower) advance(yield func(flow.Record, error) bool) (bool, error) {
	// Asked first: nothing is added to a file once the next one exists.
	next, found, err := f.next()
	if err != nil {
		return false, err
	}
	if f.in != nil {
		decode := f.query.decode(f.in.Name(), yield)
		f.offset, err = forward(f.in, f.offset, func(o int64, line []byte, wrong error) bool {
			// Half a line at the end of the newest file is still being written.
			if errors.Is(wrong, errShort) && !found {
				return true
			}
			f.stopped = !decode(o, line, wrong)
			return !f.stopped
		})
	}
	if err != nil || !found || f.stopped {
		return false, err
	}
	return true, f.enter(next)
}

// next returns the file after the present one. When that was deleted and numbers began anew, it
// is the first.
func (f *follower) next() (file, bool, error) {
	files, err := list(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return file{}, false, nil
	}
	for _, one := range files {
		if f.in == nil && f.number == 0 || one.number > f.number {
			return one, true, nil
		}
	}
	if len(files) > 0 && (f.in == nil || unlinked(f.in)) {
		return files[0], true, err
	}
	return file{}, false, err
}
