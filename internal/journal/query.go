// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
)

// Query says which records to read.
type Query struct {
	// Since and Until bound the time: a record is meant if any of it lies between them, both
	// included. Zero is no bound.
	Since, Until time.Time
	NewestFirst  bool
}

func (q Query) wants(r flow.Record) bool {
	return (q.Since.IsZero() || !r.End.Before(q.Since)) &&
		(q.Until.IsZero() || !r.Start.After(q.Until))
}

// seconds is the part of a time in RFC 3339 whose order is that of its bytes.
const seconds = "2006-01-02T15:04:05"

// glance tells, without decoding them, which lines can be wanted: decoding costs a hundred times
// more. It looks at whole seconds, and what it does not understand it takes.
type glance struct{ since, until []byte }

func (q Query) glance() glance { return glance{bound(q.Since), bound(q.Until)} }

func bound(t time.Time) []byte {
	if t.IsZero() {
		return nil
	}
	return t.UTC().AppendFormat(nil, seconds)
}

var startName, endName = []byte(`"start":"`), []byte(`"end":"`)

func (g glance) mayWant(line []byte) bool {
	if g.since != nil {
		if end := stamp(line, endName); end != nil && bytes.Compare(end, g.since) < 0 {
			return false
		}
	}
	if g.until != nil {
		if start := stamp(line, startName); start != nil && bytes.Compare(start, g.until) > 0 {
			return false
		}
	}
	return true
}

// stamp returns the seconds of a time in UTC, or nil. The name with its quotes cannot stand inside
// of a string of JSON, and the times come early in a record.
func stamp(line, name []byte) []byte {
	head := line[:min(len(line), 256)]
	_, rest, ok := bytes.Cut(head, name)
	text, _, closed := bytes.Cut(rest, []byte{'"'})
	if !ok || !closed || len(text) <= len(seconds) || text[len(text)-1] != 'Z' {
		return nil
	}
	return text[:len(seconds)]
}
