// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/denials"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/policy"
)

// Summary is what an agent says of itself at any time, be its loop stuck.
type Summary struct {
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	// Ready says that attachments are served and policies followed; otherwise Missing says why not.
	Ready   bool     `json:"ready"`
	Missing []string `json:"missing,omitempty"`
	// Generation is that of the kernel's rules.
	Generation uint32 `json:"generation"`
	PolicyDir  string `json:"policyDir"`
	// Endpoints and Policies are counted by state.
	Endpoints map[EndpointStanding]int    `json:"endpoints"`
	Policies  map[node.PolicyStanding]int `json:"policies"`
	// Repairs is how often the kernel did not hold what it was left with, and LastRepair when and
	// why last.
	Repairs    int    `json:"repairs"`
	LastRepair string `json:"lastRepair,omitempty"`
	// MarkWriters are foreign rules that can make a flow pass for judged.
	MarkWriters []string `json:"markWriters,omitempty"`
	// Disturbers are those that clear our marks or leave packets untracked: flows that should go on
	// are judged again and again, or dropped.
	Disturbers []string `json:"disturbers,omitempty"`
	Notes      []string `json:"notes,omitempty"`
	// Denials is how the account of refused packets stands; nil if none is kept.
	Denials *denials.Status `json:"denials,omitempty"`
}

// EndpointStanding is what has become of an endpoint.
type EndpointStanding string

// The standings.
const (
	// EndpointEnforced is judged by its policies.
	EndpointEnforced EndpointStanding = "enforced"
	// EndpointQuarantined is cut off.
	EndpointQuarantined EndpointStanding = "quarantined"
	// EndpointNotEnforced is closed, or not to be relied on: its reason says which.
	EndpointNotEnforced EndpointStanding = "not enforced"
)

// EndpointState is one endpoint and what has become of it.
type EndpointState struct {
	ID        string           `json:"id"`
	Namespace string           `json:"namespace"`
	Name      string           `json:"name"`
	Interface string           `json:"interface"`
	Addresses []netip.Addr     `json:"addresses"`
	Standing  EndpointStanding `json:"standing"`
	Reason    string           `json:"reason,omitempty"`
}

// Applied is the result of apply.
type Applied struct {
	node.Report
	Problems    []policy.Problem  `json:"problems"`
	NotEnforced map[string]string `json:"notEnforced"`
	Notes       []string          `json:"notes"`
}

func (a *Agent) endpoints(context.Context, agentapi.Request) (any, error) {
	states := []EndpointState{}
	for _, at := range a.node.Attachments() {
		e := at.Endpoint
		s := EndpointState{ID: e.ID, Namespace: e.Namespace, Name: e.Name, Interface: e.Interface,
			Addresses: slices.Clone(e.Addresses)}
		s.Standing, s.Reason = a.standing(e)
		if s.Standing == EndpointQuarantined {
			s.Reason = at.QuarantineReason
		}
		states = append(states, s)
	}
	slices.SortFunc(states, func(x, y EndpointState) int { return strings.Compare(x.ID, y.ID) })
	return states, nil
}

// standing is what the tasks last found about an endpoint.
func (a *Agent) standing(e policy.Endpoint) (EndpointStanding, string) {
	if why, bad := a.notEnforced[e.ID]; bad {
		return EndpointNotEnforced, why
	}
	if len(a.writers) > 0 {
		return EndpointNotEnforced, "foreign rules write our marks: " + a.writers[0]
	}
	if a.resync.err != nil {
		return EndpointNotEnforced, "the kernel's rules are not known: " + a.resync.err.Error()
	}
	if e.Quarantine != nil {
		return EndpointQuarantined, ""
	}
	return EndpointEnforced, ""
}

// changed ends a request about one endpoint.
func (a *Agent) changed(what, id string, r node.Report, err error) (any, error) {
	a.took(r, err)
	if err != nil {
		return nil, err
	}
	a.log.Info("endpoint is "+what, "endpoint", id, "generation", r.Generation)
	return r, nil
}

// publish renews the summary.
func (a *Agent) publish() {
	s := Summary{Version: cli.Version(), Started: a.started.UTC(), Missing: a.missing(),
		Generation: a.report.Generation, PolicyDir: a.options.Node.PolicyDir, Repairs: a.repairs,
		LastRepair: a.lastRepair, MarkWriters: a.writers, Disturbers: a.disturbers,
		Endpoints: map[EndpointStanding]int{}, Policies: a.node.PolicyCounts(),
		Notes: a.node.Notes()}
	for _, at := range a.node.Attachments() {
		standing, _ := a.standing(at.Endpoint)
		s.Endpoints[standing]++
	}
	s.Ready = len(s.Missing) == 0
	a.summary.Store(&s)
	a.metrics.publish(s)
}

// missing says why the agent is not ready.
func (a *Agent) missing() []string {
	var missing []string
	for _, t := range a.tasks {
		switch {
		case t.err != nil:
			missing = append(missing, fmt.Sprintf("%s: %v", t.name, t.err))
		case t.ended.IsZero():
			missing = append(missing, t.name+": not done yet")
		}
	}
	return missing
}

// now is the summary as it is seen from outside of the loop.
func (a *Agent) now() Summary {
	s := *a.summary.Load()
	if what, since := a.pulse.stuck(); what != "" {
		s.Ready = false
		s.Missing = append(slices.Clone(s.Missing), fmt.Sprintf("%s does not end, for %v now", what,
			since.Round(time.Second)))
	}
	return s
}

func (a *Agent) ready() agentapi.Ready {
	s := a.now()
	return agentapi.Ready{Missing: s.Missing, Closed: s.Endpoints[EndpointNotEnforced] > 0}
}
