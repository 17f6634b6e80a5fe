// SPDX-License-Identifier: Apache-2.0

package files

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/bulkhead-net/bulkhead/policy"
)

// entry is a name in the directory and what is believed of it.
type entry struct {
	path string
	file policy.File
	// known says that file is believed. A new name has nothing until its writer is done.
	known bool
	err   error // why the file could not be read

	// dirty says that the file may have changed since it was looked at.
	dirty bool
	// open says that the file was modified and not closed since. Only what the events tell.
	open bool
	// shut says that a writer was seen to close the file, or to rename it into place.
	shut bool
	// link says that the name is a link, and watch is that of the file which it leads to, or 0.
	link  bool
	watch int32

	// A change is believed when it has stood since a moment for some time.
	pending doubt
	since   time.Time
	due     time.Time
	stamp   stamp
}

// doubt is a reason not to believe at once what a file shows.
type doubt int

const (
	none    doubt = iota
	absent        // it is not there: an editor may be about to write it anew
	empty         // it was closed without content: a shell may be about to fill it
	writing       // somebody has it open for writing
	failed        // it could not be read, which may end without an event
)

// stillFor is how long a file must stand still where there are no leases: its size and time
// change a moment before the event of a write is queued. Times have the grain of a kernel tick.
const stillFor = 10 * time.Millisecond

// stands tells whether a doubt has lasted for the time given. Another doubt, another stamp, and
// a write begin it anew.
func (e *entry) stands(d doubt, s stamp, again bool, now time.Time, span time.Duration) bool {
	if e.pending != d || e.stamp != s || again {
		e.pending, e.stamp, e.since = d, s, now
	}
	e.due = e.since.Add(span)
	return !now.Before(e.due)
}

// isDue tells whether the entry has to be looked at.
func (e *entry) isDue(now time.Time) bool {
	return e.dirty || e.pending != none && !now.Before(e.due)
}

// examine looks at a file. With force, whatever it shows is believed.
func (w *Watch) examine(name string, e *entry, now time.Time, force bool) {
	touched, before := e.dirty, e.err
	e.dirty, e.err = false, nil
	defer func() {
		if (before == nil) != (e.err == nil) {
			w.announce()
		}
	}()
	w.follow(name, e)
	t, err := openText(e.path)
	isMissing := errors.Is(err, fs.ErrNotExist)
	switch {
	case isMissing && e.link:
		err = fmt.Errorf("%s: link to a file that is not there: %w", e.path, fs.ErrNotExist)
		w.fail(e, err, now)
		return
	case err != nil && !isMissing:
		w.fail(e, err, now)
		return
	case t == nil: // or a directory
		w.missing(name, e, now)
		return
	}
	defer t.close()
	held, ok := w.settled(e, t, touched, now)
	if !ok && !force {
		return
	}
	file, err := t.read(e.path)
	switch {
	case err != nil:
		w.fail(e, err, now)
	case !held && !force && w.disturbed(e, t, now):
		e.stands(writing, stampOf(t.info), true, now, w.options.Settle)
	case force || !w.emptied(e, t, file, now):
		w.believe(e, file)
	}
}

// settled tells whether a file may be read and believed, and whether a lease says so, so that
// nobody can write it meanwhile.
func (w *Watch) settled(e *entry, t *text, touched bool, now time.Time) (leased, ok bool) {
	hold := unknown
	if !w.options.noLeases || t.unreadable != "" {
		hold = t.lease()
	}
	span := w.options.Settle
	switch {
	case hold == held:
		return true, true
	case e.pending == empty && e.stamp == stampOf(t.info) && !touched:
		return false, true // it stood still before its emptiness was doubted
	case hold == unknown && !e.open && !(w.starting && !e.shut && w.isRecent(t, span, now)):
		span = min(span, stillFor)
	}
	return false, e.stands(writing, stampOf(t.info), touched, now, span)
}

// isRecent tells whether a file was modified less than a span ago, by the clock of the file
// system. One from the future is.
func (w *Watch) isRecent(t *text, span time.Duration, now time.Time) bool {
	return now.Sub(t.info.ModTime()) < span
}

// disturbed tells whether a file that was read without a lease changed on the way.
func (w *Watch) disturbed(e *entry, t *text, now time.Time) bool {
	w.collect(now)
	info, err := t.file.Stat()
	return err != nil || e.dirty || stampOf(info) != stampOf(t.info)
}

// emptied tells whether a file without content is still to be doubted. At the start nothing is
// known of before, and one that was emptied this moment counts.
func (w *Watch) emptied(e *entry, t *text, file policy.File, now time.Time) bool {
	had := len(e.file.Data) > 0 || w.starting && w.isRecent(t, w.options.Grace, now)
	if file.Unreadable != "" || !had || len(bytes.TrimSpace(file.Data)) > 0 {
		return false
	}
	return !e.stands(empty, stampOf(t.info), false, now, w.options.Grace)
}

// missing is called when there is no file under a name.
func (w *Watch) missing(name string, e *entry, now time.Time) {
	switch {
	case !e.known:
		w.forget(name, e)
	case e.stands(absent, stamp{}, false, now, w.options.Grace) && !w.isReplaced():
		w.forget(name, e)
		w.announce()
	}
}

func (w *Watch) believe(e *entry, file policy.File) {
	e.pending = none
	if e.known && e.file.Unreadable == file.Unreadable && bytes.Equal(e.file.Data, file.Data) {
		return
	}
	e.known, e.file = true, file
	w.announce()
}

// fail keeps what is believed, and makes Read say why. The file is read again soon, and when it
// is touched: no event tells that descriptors or memory are there again.
func (w *Watch) fail(e *entry, err error, now time.Time) {
	e.err, e.pending, e.due = fmt.Errorf("policy file: %w", err), failed, now.Add(lookEvery)
}

func (w *Watch) forget(name string, e *entry) {
	w.unfollow(name, e)
	delete(w.entries, name)
}

// entry is the entry of a name, which is made if there is none.
func (w *Watch) entry(name string) *entry {
	e, ok := w.entries[name]
	if !ok {
		e = &entry{path: filepath.Join(w.dir, name)}
		w.entries[name] = e
	}
	return e
}
