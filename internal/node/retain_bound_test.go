// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// A reader that never comes costs a bounded number of counters: those that have waited longest
// make room, and are told.
func TestRetainedIsBounded(t *testing.T) {
	const more = 100
	n := &Node{options: Options{RetainCounters: true}}
	installed := &model{ruleset: holding()}
	old := time.Now().Add(-time.Hour)
	table := &installed.ruleset.Tables[1]
	for i := range maxRetained + more {
		name := fmt.Sprintf("ingress-%012x-rule", i)
		table.Counters = append(table.Counters, name)
		if i < 2*more {
			installed.Retained = append(installed.Retained,
				RetainedCounter{Family: ruleset.IP6, Name: name, Since: old.Add(-time.Duration(i))})
		}
	}
	desired, keep := n.retain(&ruleset.Ruleset{}, installed)
	if len(keep.Retained) != maxRetained || keep.Unread != more {
		t.Errorf("got %d retained and %d unread, want %d and %d", len(keep.Retained), keep.Unread,
			maxRetained, more)
	}
	left := map[string]bool{}
	for _, name := range desired.Tables[1].Counters {
		left[name] = true
	}
	for i := range 2 * more {
		name := fmt.Sprintf("ingress-%012x-rule", i)
		if want := i < more; left[name] != want {
			t.Errorf("%s, waiting since %v: got it kept %v, want %v", name,
				installed.Retained[i].Since, left[name], want)
		}
	}
}

// What is retained is written with the model and read back.
func TestModelNamesRetained(t *testing.T) {
	since := time.Now().UTC().Round(0)
	want := RetainedCounter{Family: ruleset.IP6, Name: "to-host-0123456789ab-rule", Since: since}
	m := &model{retained: retained{Retained: []RetainedCounter{want}, Unread: 3}}
	m.ruleset = m.within(&ruleset.Ruleset{})
	data, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeModel(data)
	if err != nil || len(got.Retained) != 1 || got.Retained[0] != want || got.Unread != 3 {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	n := &Node{options: Options{RetainCounters: true},
		forgotten: map[nft.CounterKey]bool{want.key(): true}}
	if r, keep := n.retain(&ruleset.Ruleset{}, got); len(r.Tables) != 0 || len(keep.Retained) != 0 {
		t.Errorf("forgotten: got %v, %v, want nothing", r, keep)
	}
}
