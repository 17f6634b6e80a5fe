// SPDX-License-Identifier: Apache-2.0

package ctl_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/ctl"
	"github.com/bulkhead-net/bulkhead/internal/denials"
	"github.com/bulkhead-net/bulkhead/internal/nflog"
)

// Status says how the account stands, and finds fault with a part of it that does not work;
// denials asks the agent for what it has counted.
func TestStatusTellsTheAccount(t *testing.T) {
	s := newSite(t)
	s.denials, s.live = t.TempDir(), ctl.AskAccounts
	s.attachAll(t)
	s.agentWith(t, denials.Options{Dir: s.denials, Interval: 100 * time.Millisecond})
	s.awaits(t, 0, " lost since 20", "status")
	r := s.awaits(t, 0, `"totals"`, "status", "-o", "json")
	if !strings.Contains(r.out, `"denials": {`) {
		t.Errorf("status: got %s, want a section denials", r.out)
	}
	s.awaits(t, 0, " lost in all", "denials", "--denials-dir",
		s.denials)
}

// Another reader of the log is a finding.
func TestStatusFindsAnotherReader(t *testing.T) {
	s := newSite(t)
	other, err := nflog.Open(nflog.Options{NetNS: s.net.FD(), Group: 4711})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	s.attachAll(t)
	s.agentWith(t, denials.Options{Dir: t.TempDir(), Interval: 100 * time.Millisecond})
	s.awaits(t, 1, "denials    log: NFLOG group 4711: somebody else reads it", "status")
}
