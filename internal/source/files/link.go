// SPDX-License-Identifier: Apache-2.0

package files

import (
	"io/fs"
	"maps"
	"os"

	"golang.org/x/sys/unix"
)

// targetEvents are those of a file outside the directory. That it was replaced in its own
// directory shows as a change of its link count.
const targetEvents = unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB |
	unix.IN_DELETE_SELF | unix.IN_MOVE_SELF

// follow watches the file that a link leads to: no event of the directory tells of it. A link
// that leads through links elsewhere, and a file that cannot be watched, are left to the sweep.
func (w *Watch) follow(name string, e *entry) {
	watch := int32(0)
	info, err := os.Lstat(e.path)
	e.link = err == nil && info.Mode()&fs.ModeSymlink != 0
	if e.link && w.notify != nil {
		if info, err := os.Stat(e.path); err == nil && info.Mode().IsRegular() {
			// Without IN_MASK_ADD a race could take the directory's own events away.
			watch, _ = w.notify.add(e.path, targetEvents|unix.IN_MASK_ADD)
		}
	}
	if watch == e.watch {
		return
	}
	w.unfollow(name, e)
	if watch != 0 && watch != w.root {
		if w.targets[watch] == nil {
			w.targets[watch] = map[string]bool{}
		}
		w.targets[watch][name] = true
		e.watch = watch
	}
}

func (w *Watch) unfollow(name string, e *entry) {
	if e.watch == 0 {
		return
	}
	names := w.targets[e.watch]
	delete(names, name)
	if names != nil && len(names) == 0 {
		delete(w.targets, e.watch)
		w.notify.remove(e.watch)
	}
	e.watch = 0
}

// ended is called when the kernel has ended the watch of a link's target.
func (w *Watch) ended(watch int32) {
	for name := range maps.Keys(w.targets[watch]) {
		e := w.entry(name)
		e.watch, e.dirty = 0, true
	}
	delete(w.targets, watch)
}
