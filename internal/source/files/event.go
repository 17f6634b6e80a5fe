// SPDX-License-Identifier: Apache-2.0

package files

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// event is one of inotify's: what happened to the watched thing, or to the name inside it.
type event struct {
	watch int32
	mask  uint32
	name  string // empty for the watched thing itself
}

func (e event) is(mask uint32) bool { return e.mask&mask != 0 }

// decodeEvents reads a run of struct inotify_event. One that is cut off counts as lost events.
func decodeEvents(b []byte) []event {
	var es []event
	for len(b) > 0 {
		if len(b) < unix.SizeofInotifyEvent {
			return append(es, event{mask: unix.IN_Q_OVERFLOW})
		}
		e := event{
			watch: int32(binary.NativeEndian.Uint32(b)),
			mask:  binary.NativeEndian.Uint32(b[4:]),
		}
		size := uint64(binary.NativeEndian.Uint32(b[12:]))
		b = b[unix.SizeofInotifyEvent:]
		if size > uint64(len(b)) {
			return append(es, event{mask: unix.IN_Q_OVERFLOW})
		}
		name, _, _ := bytes.Cut(b[:size], []byte{0})
		e.name = string(name)
		es, b = append(es, e), b[size:]
	}
	return es
}
