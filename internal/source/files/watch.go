// SPDX-License-Identifier: Apache-2.0

package files

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bulkhead-net/bulkhead/policy"
)

// Options are the times of a Watch; zero means the default.
type Options struct {
	// Settle is how long nothing must be written to a file that stays open for writing until
	// it is believed all the same. One second by default.
	Settle time.Duration
	// Grace is how long a file must be away, or empty, to be believed so. 200 ms by default.
	Grace time.Duration
	// Sweep is how often everything is read again, whatever the events said. 30 s by default.
	Sweep time.Duration

	noLeases bool // for tests: as on a file system without leases
}

// Watch knows what to believe of a policy directory. Its methods may be called at the same time.
type Watch struct {
	dir     string
	options Options
	changed chan struct{}

	mu      sync.Mutex
	notify  *inotify // nil while there is no directory
	root    int32    // the directory's own watch
	info    fs.FileInfo
	entries map[string]*entry
	targets map[int32]map[string]bool // watches of what links lead to: the links' names
	err     error                     // why the entries cannot be told to be true

	starting bool
	closed   bool
	all      bool      // everything is to be read again
	swept    time.Time // when it was, the last time
	lost     bool      // the directory was away
	replaced time.Time // since when another directory has its place; zero if it is believed
	quiet    time.Time // its last event
}

// Open begins to watch. Files are first read as they are; one that somebody has open for
// writing, or has emptied this moment, delays Open by up to the settle time, and is then read
// as it is too. A directory that is not there is no error of Open: Read returns it, and the
// watch finds the directory when it comes.
func Open(dir string, o Options) (*Watch, error) {
	o.Settle = cmp.Or(o.Settle, time.Second)
	o.Grace = cmp.Or(o.Grace, 200*time.Millisecond)
	o.Sweep = cmp.Or(o.Sweep, 30*time.Second)
	w := &Watch{dir: dir, options: o, changed: make(chan struct{}, 1), starting: true,
		entries: map[string]*entry{}, targets: map[int32]map[string]bool{}}
	w.mu.Lock()
	defer w.mu.Unlock()
	end := time.Now().Add(o.Settle)
	for {
		now := time.Now()
		isLate := !now.Before(end)
		w.update(now, isLate)
		if w.notify == nil || !w.isPending() || isLate {
			break
		}
		w.notify.wake(earlier(w.next(now), end))
		w.notify.wait()
	}
	w.starting = false
	select { // what is there now is no news
	case <-w.changed:
	default:
	}
	if w.err != nil && !errors.Is(w.err, fs.ErrNotExist) {
		err := w.err
		w.detach()
		return nil, err
	}
	return w, nil
}

// Changed says that Read has something new to tell: other files, or another error. It holds one
// message, however much has changed since it was received.
func (w *Watch) Changed() <-chan struct{} { return w.changed }

// Read returns the files as they should be believed now, in the order of their names. With an
// error, what was believed before must stay in force.
func (w *Watch) Read() ([]policy.File, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, errClosed
	}
	w.update(time.Now(), false)
	if w.notify != nil {
		w.notify.wake(time.Time{}) // Run computes anew when it has to look again
	}
	if w.err != nil {
		return nil, w.err
	}
	if w.isReplaced() {
		return nil, errReplaced
	}
	var files []policy.File
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(w.entries)) {
		e := w.entries[name]
		errs = append(errs, e.err)
		if e.known {
			files = append(files, e.file)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return files, nil
}
