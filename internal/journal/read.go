// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"encoding/json"
	"errors"
	"io/fs"
	"iter"
	"os"
	"slices"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
)

// Read yields the records that a directory holds now, oldest first unless the query says
// otherwise. An error is yielded in its place: reading goes on after a *LineError and ends after
// every other. A file that is rotated away meanwhile is missing without an error.
func Read(dir string, q Query) iter.Seq2[flow.Record, error] {
	return func(yield func(flow.Record, error) bool) {
		files, err := list(dir)
		if err != nil {
			yield(flow.Record{}, err)
			return
		}
		if q.NewestFirst {
			slices.Reverse(files)
		}
		for _, f := range files {
			goOn := true
			err := readFile(f, q, func(r flow.Record, err error) bool {
				goOn = yield(r, err)
				return goOn
			})
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				yield(flow.Record{}, err)
				return
			}
			if !goOn {
				return
			}
		}
	}
}

// Oldest is the start of the oldest record that a directory holds, the zero time if there is none.
func Oldest(dir string) time.Time {
	for r, err := range Read(dir, Query{}) {
		if err == nil {
			return r.Start
		}
	}
	return time.Time{}
}

func readFile(f file, q Query, yield func(flow.Record, error) bool) error {
	in, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer in.Close()
	take := q.decode(f.path, yield)
	if q.NewestFirst {
		return backward(in, f.size, take)
	}
	_, err = forward(in, 0, take)
	return err
}

// decode makes records of lines.
func (q Query) decode(path string, yield func(flow.Record, error) bool) takeLine {
	early := q.glance()
	return func(offset int64, line []byte, wrong error) bool {
		var r flow.Record
		switch {
		case wrong != nil:
		case len(line) == 0 || !early.mayWant(line):
			return true
		default:
			if wrong = json.Unmarshal(line, &r); wrong == nil {
				return !q.wants(r) || yield(r, nil)
			}
		}
		return yield(flow.Record{}, &LineError{File: path, Offset: offset, Err: wrong})
	}
}
