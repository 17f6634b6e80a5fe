// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/bulkhead-net/bulkhead/internal/agent"
	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/policy"
)

// order is what a command does with one endpoint, which it names by its id.
type order struct {
	// request is how an agent is told to; do is the same without one.
	request func(id string) agentapi.Request
	do      func(ctx context.Context, n *node.Node, id string) (node.Report, error)
	// state is what holds now, in words.
	state func(orderResult) string
}

// orderResult is the form of the JSON of quarantine, release and label.
type orderResult struct {
	ID       string `json:"id"`
	Endpoint string `json:"endpoint"`
	// Labels are those that policy judges the endpoint by now.
	Labels map[string]string `json:"labels"`
	// Quarantine is what holds now; absent for an endpoint that is in none.
	Quarantine *node.Quarantined `json:"quarantine,omitempty"`
	Generation uint32            `json:"generation"`
	Changed    bool              `json:"changed"`
	Operations int               `json:"operations"`
	Flipped    bool              `json:"flipped"`
	Rebuilt    string            `json:"rebuilt,omitempty"`
	// NotEnforced says why the kernel does not do it; empty when it does.
	NotEnforced string `json:"notEnforced,omitempty"`
}

func newOrderResult(a *endpoint.Attachment, r node.Report) orderResult {
	return orderResult{ID: a.Endpoint.ID, Endpoint: title(a), Generation: r.Generation,
		Changed: r.Changed, Operations: r.Operations, Flipped: r.Flipped, Rebuilt: r.Rebuilt}
}

func (e Environment) carryOut(ctx context.Context, o node.Options, name string, s cli.Streams,
	output *cli.Output, what order) error {
	h, err := e.hand(o, s, agentapi.DefaultTime)
	if err != nil {
		return err
	}
	var r orderResult
	err = h.change(ctx,
		func(ctx context.Context) (err error) {
			r, err = h.order(ctx, name, what)
			return err
		},
		func(ctx context.Context, n *node.Node) (err error) {
			r, err = orderNow(ctx, n, name, what)
			return err
		})
	if err != nil {
		return err
	}
	if err := r.write(s.Out, output, what.state(r)); err != nil {
		return err
	}
	if r.NotEnforced != "" {
		return cli.ErrFindings
	}
	return nil
}

// orderNow finds the endpoint and gives the order under one lock, so that the name cannot have
// become another's in between.
func orderNow(ctx context.Context, n *node.Node, name string, what order) (orderResult, error) {
	a, err := view{attachments: n.Attachments()}.endpoint(name)
	if err != nil {
		return orderResult{}, err
	}
	report, err := what.do(ctx, n, a.Endpoint.ID)
	if err != nil {
		return orderResult{}, err
	}
	r := newOrderResult(a, report)
	return r, r.ask(ctx, n)
}

// order gives the agent the order. The name may have become another's when it gets there; the id
// may not, since a container takes its own with it.
func (h *hand) order(ctx context.Context, name string, what order) (orderResult, error) {
	known, err := h.known(ctx)
	if err != nil {
		return orderResult{}, err
	}
	a, err := view{attachments: known.attachments}.endpoint(name)
	if err != nil {
		return orderResult{}, err
	}
	var report node.Report
	if err := h.ask(ctx, what.request(a.Endpoint.ID), &report); err != nil {
		return orderResult{}, err
	}
	r := newOrderResult(a, report)
	return r, h.verify(ctx, &r)
}

// known is what an agent says of its endpoints.
type known struct {
	attachments []endpoint.Attachment // with as much of each as names it
	states      map[string]agent.EndpointState
}

func (h *hand) known(ctx context.Context) (known, error) {
	var all []agent.EndpointState
	err := h.ask(ctx, agentapi.Request{Verb: agentapi.VerbEndpoints}, &all)
	k := known{states: map[string]agent.EndpointState{}}
	for _, s := range all {
		k.states[s.ID] = s
		k.attachments = append(k.attachments, endpoint.Attachment{Endpoint: policy.Endpoint{ID: s.ID,
			Namespace: s.Namespace, Name: s.Name, Interface: s.Interface, Addresses: s.Addresses}})
	}
	return k, err
}

// verify learns what holds now, from the kernel and from the agent, whose word counts too: it knows
// of others that write our marks.
func (h *hand) verify(ctx context.Context, r *orderResult) error {
	// Between reading the registry and the kernel the agent may have changed both.
	for range 2 {
		if err := h.look(ctx, r); err != nil {
			return err
		}
		if r.NotEnforced == "" {
			break
		}
	}
	known, err := h.known(ctx)
	if s := known.states[r.ID]; s.Standing == agent.EndpointNotEnforced && r.NotEnforced == "" {
		r.NotEnforced = s.Reason
	}
	return err
}

func (h *hand) look(ctx context.Context, r *orderResult) (err error) {
	n, err := node.OpenReadOnly(h.options.InPlaceOf(*h.owner))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	return r.ask(ctx, n)
}

// ask learns what holds now, from the node and from the kernel.
func (r *orderResult) ask(ctx context.Context, n *node.Node) error {
	status, err := n.Status()
	if err != nil {
		return err
	}
	r.Labels, r.Quarantine = map[string]string{}, nil
	if q, ok := status.Quarantined[r.ID]; ok {
		r.Quarantine = &q
	}
	for _, a := range n.Attachments() {
		if a.Endpoint.ID == r.ID {
			maps.Copy(r.Labels, a.Endpoint.Labels)
		}
	}
	drift, err := n.Verify(ctx)
	if err != nil {
		return err
	}
	r.NotEnforced = status.NotEnforced[r.ID]
	if len(drift) > 0 {
		r.NotEnforced = fmt.Sprintf("the kernel is not as desired: %s, the first: %s; "+
			"bulkheadctl apply repairs it", count(len(drift), "difference"), drift[0])
	}
	return nil
}

func (r orderResult) write(w io.Writer, o *cli.Output, state string) error {
	if o.JSON() {
		return cli.WriteJSON(w, r)
	}
	if r.NotEnforced != "" {
		state += "; not enforced: " + r.NotEnforced
	}
	summary := applyResult{Changed: r.Changed, Operations: r.Operations, Flipped: r.Flipped,
		Rebuilt: r.Rebuilt}.summary()
	_, err := fmt.Fprintf(w, "%s: %s\ngeneration %d: %s\n", cli.Printable(r.Endpoint),
		cli.Printable(state), r.Generation, summary)
	return err
}
