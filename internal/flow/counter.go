// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"fmt"
	"strings"

	"github.com/bulkhead-net/bulkhead/policy"
)

// The beginnings of names of counters that belong to no group.
const (
	dropPrefix     = "drop-"
	overflowPrefix = "overflow-"
)

// ParseCounter reads the name of a counter object in a table of the family. A word that is not
// known is kept.
func ParseCounter(family, name string) (Counter, error) {
	c := Counter{Family: family}
	if word, ok := strings.CutPrefix(name, dropPrefix); ok {
		c.Word = word
	}
	if strings.HasPrefix(name, overflowPrefix) {
		c.Word = name
	}
	for _, kind := range kinds {
		rest, ok := strings.CutPrefix(name, kind+"-")
		if hash, word, more := strings.Cut(rest, "-"); ok && more && isHash(hash) {
			c.Kind, c.Group, c.Word = kind, hash, word
		}
	}
	if !isWord(c.Word) || c.Name() != name {
		return Counter{}, fmt.Errorf("counter %q: the name is none of ours", name)
	}
	return c, nil
}

// Name is the name of the counter object.
func (c Counter) Name() string {
	switch {
	case c.Group != "":
		return c.Kind + "-" + c.Group + "-" + c.Word
	case c.Overflow():
		return c.Word
	}
	return dropPrefix + c.Word
}

// Overflow says that the counter counts no packets of its own: those that others count as well,
// and of which the per-flow sets took no note.
func (c Counter) Overflow() bool {
	return c.Group == "" && strings.HasPrefix(c.Word, overflowPrefix)
}

func (c Counter) meaning() meaning {
	if m, ok := groupWords[c.Word]; ok && c.Group != "" {
		return m
	}
	return meaning{reason: Reason(c.Word), action: Drop, kind: Denied}
}

// Reason is why the packets were refused. A word that is not known is its own reason.
func (c Counter) Reason() Reason { return c.meaning().reason }

// Action is what becomes of the packets. What comes from the own node cannot be answered.
func (c Counter) Action() Action {
	if a := c.meaning().action; a != Reject || c.Kind != kindFromHost {
		return a
	}
	return Drop
}

// Tells is what records of these packets tell about.
func (c Counter) Tells() Kind { return c.meaning().kind }

// Silent says that the packets are counted and, as the rule wants it, not told of.
func (c Counter) Silent() bool { return c.meaning().silent }

// Noted says that the kernel notes these packets in the per-flow sets: a group's refusals.
func (c Counter) Noted() bool { return c.Group != "" && c.Tells() == Denied }

// Direction is that of the group's question; it reports false for what no group refuses.
func (c Counter) Direction() (policy.Direction, bool) {
	if c.Group == "" {
		return 0, false
	}
	return directionOf(c.Kind), true
}
