// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/bulkhead-net/bulkhead/internal/agent"
	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/policy"
)

// applyResult is the form of apply's JSON.
type applyResult struct {
	Generation uint32 `json:"generation"`
	Changed    bool   `json:"changed"`
	Operations int    `json:"operations"`
	// Flipped says that the flows which ran were judged once more.
	Flipped bool   `json:"flipped"`
	Rebuilt string `json:"rebuilt,omitempty"`
	// Problems are those of the policy directory.
	Problems []policy.Problem `json:"problems"`
	// NotEnforced maps endpoint ids to why they are closed instead of judged.
	NotEnforced map[string]string `json:"notEnforced"`
	Notes       []string          `json:"notes"`
}

func (e Environment) apply(f *cli.Flags) cli.Action {
	output, o := f.Output(), e.places(f)
	return func(ctx context.Context, arguments []string, s cli.Streams) error {
		if err := nothingMore(arguments); err != nil {
			return err
		}
		h, err := e.hand(*o, s, agentapi.DefaultTime)
		if err != nil {
			return err
		}
		result, err := h.apply(ctx)
		if err != nil {
			return err
		}
		if err := result.write(s.Out, output); err != nil {
			return err
		}
		if policy.HasErrors(result.Problems) || len(result.NotEnforced) > 0 {
			return cli.ErrFindings
		}
		return nil
	}
}

func (h *hand) apply(ctx context.Context) (result applyResult, err error) {
	var applied agent.Applied
	h.reads = true
	err = h.change(ctx,
		func(ctx context.Context) error {
			return h.ask(ctx, agentapi.Request{Verb: agentapi.VerbApply}, &applied)
		},
		func(ctx context.Context, n *node.Node) (err error) {
			applied, err = applyNow(ctx, n)
			return err
		})
	r := applied.Report
	result = applyResult{Generation: r.Generation, Changed: r.Changed, Operations: r.Operations,
		Flipped: r.Flipped, Rebuilt: r.Rebuilt, NotEnforced: map[string]string{},
		Problems: append([]policy.Problem{}, applied.Problems...),
		Notes:    append([]string{}, applied.Notes...)}
	maps.Copy(result.NotEnforced, applied.NotEnforced)
	return result, err
}

// applyNow is what an agent does, on a node without one.
func applyNow(ctx context.Context, n *node.Node) (agent.Applied, error) {
	report, err := n.Apply(ctx)
	if err != nil {
		return agent.Applied{}, err
	}
	status, err := n.Status()
	return agent.Applied{Report: report, Problems: status.Problems, Notes: status.Notes,
		NotEnforced: status.NotEnforced}, err
}

func (r applyResult) write(w io.Writer, o *cli.Output) error {
	if o.JSON() {
		return cli.WriteJSON(w, r)
	}
	for _, p := range r.Problems {
		fmt.Fprintln(w, p)
	}
	for _, note := range r.Notes {
		fmt.Fprintln(w, cli.Printable(note))
	}
	for _, id := range slices.Sorted(maps.Keys(r.NotEnforced)) {
		fmt.Fprintf(w, "%s: not enforced, closed: %s\n", cli.Printable(id),
			cli.Printable(r.NotEnforced[id]))
	}
	_, err := fmt.Fprintf(w, "generation %d: %s\n", r.Generation, r.summary())
	return err
}

func (r applyResult) summary() string {
	if !r.Changed {
		return "nothing to change"
	}
	text := count(r.Operations, "operation") + ", "
	if r.Flipped {
		text += "every running flow is judged once more"
	} else {
		text += "running flows are untouched"
	}
	if r.Rebuilt != "" {
		text += "; rebuilt: " + cli.Printable(r.Rebuilt)
	}
	return text
}
