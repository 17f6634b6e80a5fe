// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agent"
	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

// write prints one line for everything that is, and for everything that is wrong.
func (r statusResult) write(w io.Writer, o *cli.Output) error {
	if o.JSON() {
		return cli.WriteJSON(w, r)
	}
	rows := [][]string{{"agent", r.Agent.text()}}
	add := func(what string, texts []string) {
		for _, text := range texts {
			rows = append(rows, []string{what, text})
		}
	}
	add("missing", r.Missing)
	rules := "none"
	if r.Generation > 0 {
		rules = fmt.Sprintf("generation %d", r.Generation)
	}
	add("rules", []string{rules})
	if n := len(r.Differences); n > 0 {
		add("differs", []string{fmt.Sprintf("%s, the first: %s; bulkheadctl apply repairs it",
			count(n, "difference"), r.Differences[0])})
	}
	add("policies", []string{counts(node.PolicyStandings, r.Policies) + ", of " + r.PolicyDir})
	add("endpoints", []string{counts(endpointStandings, r.Endpoints)})
	if r.Repairs > 0 {
		add("repairs", []string{fmt.Sprintf("%d, the last %s", r.Repairs, r.LastRepair)})
	}
	add("marks", firsts(r.MarkWriters))
	add("disturbed", firsts(r.Disturbers))
	add("denials", denialsText(r.Denials))
	add("note", r.Notes)
	return cli.WriteTable(w, rows)
}

var endpointStandings = []agent.EndpointStanding{agent.EndpointEnforced,
	agent.EndpointQuarantined, agent.EndpointNotEnforced}

// counts says how many there are of each standing, of those that there are.
func counts[S ~string](order []S, of map[S]int) string {
	var parts []string
	for _, s := range order {
		if of[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", of[s], s))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// firsts leaves out what nobody would read.
func firsts(all []string) []string {
	if len(all) <= maxDrift {
		return all
	}
	return append(all[:maxDrift:maxDrift], fmt.Sprintf("... and %d more", len(all)-maxDrift))
}

func (a agentStatus) text() string {
	switch a.State {
	case agentNone:
		return "no agent: the plugin keeps this node's rules by itself"
	case agentDown:
		return fmt.Sprintf("is down, since it does not answer at %s: %s; the rules stay as they are",
			a.Owner.Socket, a.Why)
	case agentSilent:
		return fmt.Sprintf("gives no answer at %s and may hang: %s", a.Owner.Socket, a.Why)
	}
	state := "ready"
	if a.State == agentNotReady {
		state = "not ready"
	}
	return fmt.Sprintf("%s, %s, process %d since %s, at %s", state, a.Version, a.Owner.PID,
		a.Started.UTC().Format(time.RFC3339), a.Owner.Socket)
}
