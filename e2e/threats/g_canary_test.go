// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"slices"
	"strings"
	"testing"
)

// The agent notices when refusals are no longer seen, says so, and enforces all the same.
func TestCanary(t *testing.T) {
	s := newSite(t)
	s.policies(t, peace)
	s.Nft(t, "table ip cat { chain c { type filter hook prerouting priority -500; "+
		"ip daddr 127.66.75.72 drop; }; }")
	s.startAgent(t, quickAccount)
	s.add(t)
	lost := func() bool {
		return slices.ContainsFunc(s.summary(t).Denials.NotReady(), func(why string) bool {
			return strings.Contains(why, "canary: a packet that was sent to be refused was not seen")
		})
	}
	s.await(t, "the canary is missed", lost)
	if missing := s.lacks(t); len(missing) > 0 {
		t.Errorf("agent: got %q missing, want it ready", missing)
	}
	s.Run(t, "nft", "delete", "table", "ip", "cat")
	s.await(t, "the canary is seen", func() bool { return !lost() })
	if c := s.summary(t).Denials.Canary; c.Seen.Before(c.Sent) || c.Sent.IsZero() {
		t.Errorf("canary: got %+v, want it seen after it was sent", c)
	}
	if n := s.refused(t)["canary"]; n == 0 {
		t.Error("counter of the canary: got nothing, want a packet at least")
	}
	s.settledAccount(t)
	for c, n := range s.journalled(t) {
		if c.Word == "canary" {
			t.Errorf("journal: got %d packets of the canary, want none", n)
		}
	}
}
