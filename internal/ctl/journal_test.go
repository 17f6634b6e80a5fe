// SPDX-License-Identifier: Apache-2.0

package ctl_test

import (
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/journal"
)

// record writes records as the agent does.
func (s *site) record(t *testing.T, records ...flow.Record) {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: s.denials})
	if err != nil {
		t.Fatal(err)
	}
	if missed := j.Write(records); missed > 0 {
		t.Fatalf("journal: %d records missed", missed)
	}
	if err := j.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if stats := j.Stats(); stats.Err != nil || stats.Missed > 0 {
		t.Fatalf("journal: %+v", stats)
	}
}
