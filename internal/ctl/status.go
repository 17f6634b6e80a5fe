// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agent"
	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/denials"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

// The states of an agent.
const (
	agentNone     = "none"
	agentReady    = "ready"
	agentNotReady = "notReady"
	agentDown     = "down"
	// agentSilent lives and does not answer as it should; nobody knows what it does.
	agentSilent = "silent"
)

// statusResult is the form of the JSON of status. What no agent tells is read from the node.
type statusResult struct {
	Agent agentStatus `json:"agent"`
	// Missing is why the node serves no attachment, or does not follow its policies.
	Missing    []string `json:"missing"`
	Generation uint32   `json:"generation"`
	PolicyDir  string   `json:"policyDir"`
	// Policies and Endpoints are counted by state.
	Policies  map[node.PolicyStanding]int    `json:"policies"`
	Endpoints map[agent.EndpointStanding]int `json:"endpoints"`
	// Repairs are those of the agent since it started.
	Repairs    int    `json:"repairs"`
	LastRepair string `json:"lastRepair,omitempty"`
	// MarkWriters are rules of others that can make a flow pass for judged, Disturbers those that
	// clear our marks or leave packets untracked.
	MarkWriters []string `json:"markWriters"`
	Disturbers  []string `json:"disturbers"`
	// Differences are those of the kernel to the desired rules. An agent that answers repairs them
	// as they come.
	Differences []string `json:"differences"`
	Notes       []string `json:"notes"`
	// Denials is how the agent's account of refused packets stands; none without an agent that
	// answers and keeps one.
	Denials *denials.Status `json:"denials,omitempty"`
}

// agentStatus is the node's agent. Why says why there is no answer.
type agentStatus struct {
	State   string          `json:"state"`
	Owner   *node.Ownership `json:"owner,omitempty"`
	Why     string          `json:"why,omitempty"`
	Version string          `json:"version,omitempty"`
	Started time.Time       `json:"started,omitzero"`
}

func (e Environment) status(f *cli.Flags) cli.Action {
	output, o := f.Output(), e.places(f)
	return func(ctx context.Context, arguments []string, s cli.Streams) error {
		if err := nothingMore(arguments); err != nil {
			return err
		}
		h, err := e.hand(*o, s, tellTime)
		if err != nil {
			return err
		}
		r, err := h.status(ctx)
		if err != nil {
			return err
		}
		if err := r.write(s.Out, output); err != nil {
			return err
		}
		if r.wrong() {
			return cli.ErrFindings
		}
		return nil
	}
}

func (h *hand) status(ctx context.Context) (statusResult, error) {
	r := statusResult{Agent: agentStatus{State: agentNone, Owner: h.owner}}
	if h.owner == nil {
		return r, r.read(ctx, telling(h.options))
	}
	var heard agent.Summary
	err := h.ask(ctx, agentapi.Request{Verb: agentapi.VerbStatus}, &heard)
	switch {
	case err == nil:
		r.hear(heard)
		return r, nil
	case errors.Is(err, agentapi.ErrDown):
		r.Agent.State = agentDown
	default:
		r.Agent.State = agentSilent
	}
	// The socket is named already.
	r.Agent.Why = strings.TrimPrefix(err.Error(), "agent "+h.owner.Socket+": ")
	return r, r.read(ctx, telling(h.options))
}

// hear takes over what the agent says.
func (r *statusResult) hear(s agent.Summary) {
	r.Agent.State = agentReady
	if !s.Ready {
		r.Agent.State = agentNotReady
	}
	r.Agent.Version, r.Agent.Started, r.Missing = s.Version, s.Started, list(s.Missing)
	r.Generation, r.PolicyDir = s.Generation, s.PolicyDir
	r.Policies, r.Endpoints = s.Policies, s.Endpoints
	r.Repairs, r.LastRepair = s.Repairs, s.LastRepair
	r.MarkWriters, r.Disturbers = list(s.MarkWriters), list(s.Disturbers)
	r.Notes, r.Differences, r.Denials = list(s.Notes), list(nil), s.Denials
}

// list is never null in JSON.
func list(texts []string) []string { return append([]string{}, texts...) }

// read finds out the same from the node's files and the kernel, without the lock.
func (r *statusResult) read(ctx context.Context, o node.Options) (err error) {
	n, err := openReadOnly(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	v, err := lookAt(ctx, n)
	if err != nil {
		return err
	}
	r.Generation, r.PolicyDir = v.status.Stamp.Generation, o.PolicyDir
	r.Policies, r.Endpoints = n.PolicyCounts(), map[agent.EndpointStanding]int{}
	r.Notes, r.Differences, r.Missing = list(n.Notes()), list(nil), list(nil)
	if err := n.PolicyError(); err != nil {
		r.Missing = append(r.Missing, err.Error())
	}
	for _, d := range v.drift {
		r.Differences = append(r.Differences, d.String())
	}
	if err := r.readWriters(n); err != nil {
		return err
	}
	for _, s := range v.states() {
		switch {
		case !s.Enforced, len(r.MarkWriters) > 0:
			r.Endpoints[agent.EndpointNotEnforced]++
		case s.Quarantine != nil:
			r.Endpoints[agent.EndpointQuarantined]++
		default:
			r.Endpoints[agent.EndpointEnforced]++
		}
	}
	return nil
}

func (r *statusResult) readWriters(n *node.Node) error {
	r.MarkWriters, r.Disturbers = list(nil), list(nil)
	writers, err := n.MarkWriters()
	for _, w := range writers {
		if w.Kind == nft.Forges {
			r.MarkWriters = append(r.MarkWriters, w.String())
		} else {
			r.Disturbers = append(r.Disturbers, w.String())
		}
	}
	return err
}

// wrong says that somebody should do something: the agent is not as it should be, or something is
// not enforced.
func (r statusResult) wrong() bool {
	return r.Agent.State != agentReady && r.Agent.State != agentNone || len(r.Missing) > 0 ||
		r.Endpoints[agent.EndpointNotEnforced] > 0 || r.Policies[node.PolicyRejected] > 0 ||
		len(r.Differences) > 0 || len(r.MarkWriters) > 0 ||
		r.Denials != nil && len(r.Denials.NotReady()) > 0
}
