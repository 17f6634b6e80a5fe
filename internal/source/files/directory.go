// SPDX-License-Identifier: Apache-2.0

package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const directoryEvents = unix.IN_ONLYDIR | unix.IN_CREATE | unix.IN_MODIFY |
	unix.IN_CLOSE_WRITE | unix.IN_ATTRIB | unix.IN_MOVED_FROM | unix.IN_MOVED_TO |
	unix.IN_DELETE | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF

// lookEvery bounds how long it stays unnoticed that the path leads to another directory: when
// a parent is renamed, or something is mounted there, no event tells.
const lookEvery = 250 * time.Millisecond

// patience is how many settle times a directory that took another's place may be in motion.
const patience = 10

// attach makes sure that the directory which the path leads to is the one that is watched.
func (w *Watch) attach(now time.Time) {
	info, err := os.Stat(w.dir)
	if err == nil && w.notify != nil && os.SameFile(info, w.info) {
		return
	}
	w.detach()
	if err == nil {
		err = w.open(info)
	}
	if err != nil {
		// What is believed stays as it is until the directory is back.
		w.lost = true
		w.setError(fmt.Errorf("policy directory: %w", err))
		return
	}
	// After a mere fault of inotify the directory is still the one that it was.
	if !w.starting && (w.lost || !os.SameFile(info, w.info)) {
		w.replaced, w.quiet = now, now
		w.announce()
	}
	w.lost, w.info, w.all = false, info, true
	w.setError(nil)
}

// open begins to watch the directory that was found under the path.
func (w *Watch) open(info fs.FileInfo) error {
	notify, err := openInotify()
	if err != nil {
		return err
	}
	root, err := notify.add(w.dir, directoryEvents)
	if err == nil {
		var again fs.FileInfo
		if again, err = os.Stat(w.dir); err == nil && !os.SameFile(info, again) {
			err = errors.New("replaced while it was opened")
		}
	}
	if err != nil {
		notify.close()
		return err
	}
	w.notify, w.root = notify, root
	return nil
}

func (w *Watch) detach() {
	if w.notify == nil {
		return
	}
	w.notify.close()
	w.notify, w.root = nil, 0
	clear(w.targets)
	for _, e := range w.entries {
		e.watch = 0
	}
}

// errReplaced is what Read says while another directory has taken the watched one's place, until
// it has stood still. Whoever fills it is not yet done, and a directory without any policy file
// is what is left when a volume is unmounted: neither is a wish to delete all policies.
var errReplaced = errors.New("policy directory: another one has taken its place")

// isReplaced tells whether the directory is yet to be believed.
func (w *Watch) isReplaced() bool { return !w.replaced.IsZero() }

// accept ends the distrust of a directory that took another's place.
func (w *Watch) accept(now time.Time) {
	if !w.isReplaced() {
		return
	}
	present := false
	for _, e := range w.entries {
		present = present || e.known && e.pending != absent
	}
	settle := w.options.Settle
	isQuiet := now.Sub(w.quiet) >= settle || now.Sub(w.replaced) >= patience*settle
	if present && isQuiet {
		w.replaced = time.Time{}
		w.announce()
	}
}
