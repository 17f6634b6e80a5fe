// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
)

// TestStatusOfAStuckLoop: whoever asks hears of it, since nobody has to answer from the loop.
func TestStatusOfAStuckLoop(t *testing.T) {
	a := &Agent{jobs: make(chan job)}
	a.summary.Store(&Summary{Ready: true, Generation: 7})
	a.pulse.begin("attach")
	for _, tc := range []struct {
		since time.Duration
		ready bool
	}{{time.Second, true}, {stuckAfter + time.Second, false}} {
		a.pulse.since = time.Now().Add(-tc.since)
		result, err := a.Handle(t.Context(), agentapi.Request{Verb: agentapi.VerbStatus})
		got, _ := result.(Summary)
		missing := strings.Join(got.Missing, "; ")
		if err != nil || got.Ready != tc.ready || got.Generation != 7 ||
			strings.Contains(missing, "attach does not end, for 21s") == tc.ready {
			t.Errorf("after %v: got %+v, %v, want ready %t", tc.since, result, err, tc.ready)
		}
		result, err = a.Handle(t.Context(), agentapi.Request{Verb: agentapi.VerbReady})
		if r, _ := result.(agentapi.Ready); err != nil || (len(r.Missing) == 0) != tc.ready {
			t.Errorf("ready after %v: got %+v, %v", tc.since, r, err)
		}
	}
	if s := a.summary.Load(); !s.Ready || len(s.Missing) > 0 {
		t.Errorf("summary: got %+v, want it as it was published", s)
	}
}
