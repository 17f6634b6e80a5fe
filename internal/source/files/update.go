// SPDX-License-Identifier: Apache-2.0

package files

import (
	"time"

	"golang.org/x/sys/unix"
)

// update takes the events that are there, and looks at every file that needs it.
func (w *Watch) update(now time.Time, force bool) {
	w.collect(now)
	w.attach(now)
	if w.notify != nil && (w.all || now.Sub(w.swept) >= w.options.Sweep) {
		w.sweep(now)
	}
	for name, e := range w.entries {
		if w.notify != nil && (e.isDue(now) || force && e.pending != none) {
			w.examine(name, e, now, force)
		}
	}
	if w.notify != nil {
		w.accept(now)
	}
}

// sweep makes everything be looked at again.
func (w *Watch) sweep(now time.Time) {
	names, err := list(w.dir)
	if err != nil {
		w.detach()
		w.setError(err)
		return
	}
	for _, name := range names {
		w.entry(name)
	}
	for _, e := range w.entries {
		e.dirty = true
	}
	w.all, w.swept = false, now
}

// collect takes events and marks what they are about.
func (w *Watch) collect(now time.Time) {
	if w.notify == nil {
		return
	}
	events, err := w.notify.drain()
	if err != nil {
		w.detach()
		return
	}
	if len(events) > 0 {
		w.quiet = now
	}
	for _, ev := range events {
		w.take(ev)
	}
}

func (w *Watch) take(ev event) {
	switch {
	case ev.is(unix.IN_Q_OVERFLOW):
		w.all = true
		for _, e := range w.entries {
			e.open = true // perhaps; the settle time says when not
		}
	case ev.watch != w.root:
		for name := range w.targets[ev.watch] {
			w.entries[name].touch(ev)
		}
		if ev.is(unix.IN_IGNORED) {
			w.ended(ev.watch)
		}
	case ev.name == "":
		if ev.is(unix.IN_IGNORED | unix.IN_DELETE_SELF | unix.IN_UNMOUNT) {
			w.lost = true
			w.detach()
		}
	case isPolicy(ev.name):
		w.entry(ev.name).touch(ev)
	case ev.is(unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO):
		// Links may lead through this name, as those of a ConfigMap do.
		for _, e := range w.entries {
			e.dirty = e.dirty || e.link
		}
	}
}

func (e *entry) touch(ev event) {
	e.dirty = true
	switch {
	case ev.is(unix.IN_MODIFY | unix.IN_CREATE):
		e.open = true
	case ev.is(unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO):
		e.open, e.shut = false, true
	}
}
