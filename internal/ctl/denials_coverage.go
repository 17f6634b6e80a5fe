// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agent"
	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

// coverage says what an absence of records means: of what time there are any, and whether
// somebody records now.
type coverage struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"`
	// Oldest is the start of the oldest record that is kept; zero if there is none.
	Oldest time.Time `json:"oldest,omitzero"`
	// Agent is "none", "ready", "notReady", "down" or "silent".
	Agent string `json:"agent"`
	// Live is what the agent has counted up to now, if it tells.
	Live *LiveLedger `json:"live,omitempty"`
}

// LiveLedger is an agent's accounts of all that the kernel's counters have counted.
type LiveLedger struct {
	Counted  uint64 `json:"counted"`
	Recorded uint64 `json:"recorded"`
	Lost     uint64 `json:"lost"`
	// Silent are packets that rules with log None refused: counted, and to be recorded nowhere.
	Silent uint64 `json:"silent,omitempty"`
	// Misattributed are packets that records tell of under a counter that did not count them.
	Misattributed uint64 `json:"misattributed,omitempty"`
	// Behind is how old the newest reading of the counters is.
	Behind time.Duration `json:"behind"`
}

// agentCoverage asks whether anybody records what is refused now.
func (e Environment) agentCoverage(ctx context.Context, o node.Options, s cli.Streams) (string,
	*LiveLedger) {
	h := e.ear(o, s)
	if h.owner == nil {
		return agentNone, nil
	}
	var heard agent.Summary
	err := h.ask(ctx, agentapi.Request{Verb: agentapi.VerbStatus}, &heard)
	switch {
	case errors.Is(err, agentapi.ErrDown):
		return agentDown, nil
	case err != nil:
		return agentSilent, nil
	}
	state := agentReady
	if !heard.Ready {
		state = agentNotReady
	}
	if e.Live == nil {
		return state, nil
	}
	live, err := e.Live(ctx, h.owner.Socket)
	if err != nil {
		fmt.Fprintf(h.notes, "the agent does not tell its accounts: %s\n", cli.Printable(err.Error()))
		return state, nil
	}
	return state, &live
}

func (c coverage) text() string {
	text := "no record is kept"
	if !c.Oldest.IsZero() {
		text = "the oldest record kept is of " + stamp(c.Oldest)
	}
	if !c.Since.IsZero() {
		text += ", asked for since " + stamp(c.Since)
	}
	if !c.Until.IsZero() {
		text += " until " + stamp(c.Until)
	}
	switch c.Agent {
	case agentNone:
		text += "; no agent: nothing is recorded now"
	case agentDown:
		text += "; the agent is down: nothing is recorded now, the kernel counts on"
	case agentSilent:
		text += "; the agent gives no answer and may hang"
	default:
		text += "; the agent is up"
	}
	if c.Live != nil {
		text += fmt.Sprintf(", %s behind: %d counted, %d recorded, %d lost in all",
			c.Live.Behind.Round(time.Millisecond), c.Live.Counted, c.Live.Recorded, c.Live.Lost)
		if c.Live.Silent > 0 {
			text += fmt.Sprintf(", %d refused by rules with log None", c.Live.Silent)
		}
		text += misattributed(c.Live.Misattributed)
	}
	return text
}

// misattributed says how many packets records tell of that another rule has refused: of a flow that
// two groups refused in one round it is not known by which how often.
func misattributed(n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d recorded for a rule that did not refuse them", n)
}
