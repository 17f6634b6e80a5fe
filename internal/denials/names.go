// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"maps"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/link"
)

// names finds names of interfaces by their indexes. One that is gone keeps its name: its last
// packets may still come. It is the reader's own.
type names struct {
	links *link.Conn
	known map[uint32]string
	asked time.Time
}

const (
	// askAgain is the rest between two lists of all links, whatever indexes come.
	askAgain = 100 * time.Millisecond
	// maxNames bounds the names of interfaces that are gone.
	maxNames = 16384
)

// of is the name, or empty if there is none.
func (n *names) of(index uint32) string {
	if index == 0 {
		return ""
	}
	name, ok := n.known[index]
	if !ok && time.Since(n.asked) >= askAgain {
		n.refresh()
		name = n.known[index]
	}
	return name
}

// refresh asks for all names. Without an answer the known ones stay: a record without a device is
// better than none.
func (n *names) refresh() {
	n.asked = time.Now()
	now, err := n.links.Names()
	if err != nil {
		return
	}
	if n.known == nil || len(n.known)+len(now) > maxNames {
		n.known = map[uint32]string{}
	}
	maps.Copy(n.known, now)
}
