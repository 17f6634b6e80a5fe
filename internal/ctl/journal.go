// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/journal"
)

// followWait is how often the journal is looked at for new records: a person who waits for one
// sees it at once.
const followWait = 40 * time.Millisecond

// maxNamed bounds how many records, or lines, are named that are all the same trouble.
const maxNamed = 5

// records are the records of a node.
type records struct {
	dir string
	// notes is where lines are told that cannot be read.
	notes io.Writer
}

// each hands records over until take returns false. A line that cannot be read is told and passed
// over: the others are no worse for it.
func (j records) each(list iter.Seq2[flow.Record, error], take func(*flow.Record) bool) error {
	damaged := 0
	for r, err := range list {
		var line *journal.LineError
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("nothing is recorded in %s: no agent of this node keeps denials there",
				j.dir)
		case errors.As(err, &line):
			if damaged++; damaged <= maxNamed {
				fmt.Fprintf(j.notes, "%s\n", cli.Printable(err.Error()))
			}
			continue
		case err != nil:
			return err
		}
		if !take(&r) {
			break
		}
	}
	if damaged > maxNamed {
		fmt.Fprintf(j.notes, "... and %d more lines that cannot be read\n", damaged-maxNamed)
	}
	return nil
}

// read hands over what is kept of a time, oldest first.
func (j records) read(since, until time.Time, take func(*flow.Record) bool) error {
	return j.each(journal.Read(j.dir, journal.Query{Since: since, Until: until}), take)
}

// follow hands over what is written from a time on, until the context ends. The zero time is now.
func (j records) follow(ctx context.Context, since time.Time, take func(*flow.Record) bool) error {
	wait := func(ctx context.Context) {
		select {
		case <-ctx.Done():
		case <-time.After(followWait):
		}
	}
	return j.each(journal.Follow(ctx, j.dir, journal.Following{Since: since, Wait: wait}), take)
}
