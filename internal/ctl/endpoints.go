// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/agent"
	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/policy"
)

// endpointState is one endpoint in the JSON of endpoints.
type endpointState struct {
	ID            string             `json:"id"`
	Namespace     string             `json:"namespace"`
	Name          string             `json:"name"`
	Interface     string             `json:"interface"`
	Network       string             `json:"network"`
	HostInterface string             `json:"hostInterface"`
	Bridge        string             `json:"bridge,omitempty"`
	MAC           string             `json:"mac"`
	Addresses     []netip.Addr       `json:"addresses"`
	Labels        map[string]string  `json:"labels"`
	Ports         []policy.NamedPort `json:"ports"`
	// State is "enforced", "quarantined", or "notEnforced".
	State string `json:"state"`
	// Enforced says that the rules in the kernel are those of the policies, or of the quarantine;
	// otherwise Why says why not, and the endpoint is closed unless somebody changed our tables.
	Enforced bool   `json:"enforced"`
	Why      string `json:"why,omitempty"`
	// Quarantine is absent for an endpoint that is in none.
	Quarantine *node.Quarantined `json:"quarantine,omitempty"`
	// Policies select the endpoint, in the order of evaluation.
	Policies []policy.Ref `json:"policies"`
}

func (e Environment) endpoints(f *cli.Flags) cli.Action {
	output, o := f.Output(), e.places(f)
	return func(ctx context.Context, arguments []string, s cli.Streams) error {
		if err := nothingMore(arguments); err != nil {
			return err
		}
		var agents []agent.EndpointState
		e.ear(*o, s).hear(ctx, agentapi.VerbEndpoints, &agents)
		v, err := look(ctx, *o)
		if err != nil {
			return err
		}
		states := v.states()
		for i := range states {
			states[i].believe(agents)
		}
		return writeEndpoints(s, output, v, states)
	}
}

// states tells about every endpoint, sorted by name.
func (v view) states() []endpointState {
	states := []endpointState{}
	for i := range v.attachments {
		states = append(states, v.state(&v.attachments[i]))
	}
	slices.SortFunc(states, func(a, b endpointState) int {
		return strings.Compare(a.title()+" "+a.ID, b.title()+" "+b.ID)
	})
	return states
}

func (v view) state(a *endpoint.Attachment) endpointState {
	p := &a.Endpoint
	s := endpointState{ID: p.ID, Namespace: p.Namespace, Name: p.Name, Interface: p.Interface,
		Network: p.Network, HostInterface: a.HostInterface, Bridge: a.Bridge, MAC: a.MAC,
		Addresses: append([]netip.Addr{}, p.Addresses...), Labels: map[string]string{},
		Ports: append([]policy.NamedPort{}, p.Ports...), Policies: []policy.Ref{}}
	maps.Copy(s.Labels, p.Labels)
	s.Why = v.status.NotEnforced[p.ID]
	if s.Why == "" && len(v.drift) > 0 {
		s.Why = "the kernel does not hold the desired ruleset"
	}
	s.Enforced = s.Why == ""
	if q, ok := v.status.Quarantined[p.ID]; ok {
		s.Quarantine = &q
	}
	switch {
	case !s.Enforced:
		s.State = "notEnforced"
	case s.Quarantine != nil:
		s.State = "quarantined"
	default:
		s.State = "enforced"
	}
	for _, one := range v.policies.Policies {
		if v.policies.Selects(one, p) {
			s.Policies = append(s.Policies, one.Ref)
		}
	}
	return s
}

// believe takes in what the agent knows and the node's files do not say, such as others that write
// our marks. Good news of it count for nothing where the kernel says otherwise.
func (s *endpointState) believe(agents []agent.EndpointState) {
	for _, a := range agents {
		if a.ID == s.ID && a.Standing == agent.EndpointNotEnforced && s.Enforced {
			s.State, s.Enforced, s.Why = "notEnforced", false, a.Reason
		}
	}
}

func (s endpointState) title() string {
	return s.Namespace + "/" + s.Name + "@" + s.Interface
}

func (s endpointState) link() string {
	if s.Bridge == "" {
		return s.HostInterface
	}
	return s.HostInterface + " on " + s.Bridge
}

func (s endpointState) status() string {
	switch {
	case !s.Enforced:
		return "not enforced: " + s.Why
	case s.Quarantine == nil:
		return "enforced"
	}
	text := "quarantined"
	if s.Quarantine.Reason != "" {
		text += " (" + s.Quarantine.Reason + ")"
	}
	return text + ", " + admitted(s.Quarantine.AllowFrom)
}

func (s endpointState) row() []string {
	var addresses, policies []string
	for _, a := range s.Addresses {
		addresses = append(addresses, a.String())
	}
	for _, p := range s.Policies {
		policies = append(policies, p.String())
	}
	return []string{s.title(), orDash(addresses), s.Network, s.link(),
		orDash(labelList(s.Labels)), orDash(policies), s.status()}
}

// labelList is labels as key=value, sorted.
func labelList(labels map[string]string) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, key+"="+labels[key])
	}
	return out
}

func orDash(list []string) string {
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, ", ")
}

// writeEndpoints prints the list; an endpoint that is not enforced is a finding.
func writeEndpoints(s cli.Streams, o *cli.Output, v view, states []endpointState) error {
	write := writeEndpointTable
	if o.JSON() {
		write = func(w io.Writer, states []endpointState) error { return cli.WriteJSON(w, states) }
	}
	if err := write(s.Out, states); err != nil {
		return err
	}
	v.writeFaults(s.Err)
	if slices.ContainsFunc(states, func(s endpointState) bool { return !s.Enforced }) {
		return cli.ErrFindings
	}
	return nil
}

// writeFaults says what concerns the whole node.
func (v view) writeFaults(w io.Writer) {
	for _, note := range v.status.Notes {
		fmt.Fprintln(w, cli.Printable(note))
	}
	for i, d := range v.drift {
		if i == maxDrift {
			fmt.Fprintf(w, "... and %d more\n", len(v.drift)-maxDrift)
			break
		}
		fmt.Fprintf(w, "kernel: %s\n", cli.Printable(d.String()))
	}
	if len(v.drift) > 0 {
		fmt.Fprintln(w, "bulkheadctl apply repairs the kernel")
	}
}

func writeEndpointTable(w io.Writer, states []endpointState) error {
	rows := [][]string{{"ENDPOINT", "ADDRESSES", "NETWORK", "LINK", "LABELS", "POLICIES", "STATE"}}
	for _, s := range states {
		rows = append(rows, s.row())
	}
	return cli.WriteTable(w, rows)
}
