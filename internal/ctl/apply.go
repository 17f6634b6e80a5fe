// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

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
		result, err := applyNow(ctx, *o)
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

func applyNow(ctx context.Context, o node.Options) (result applyResult, err error) {
	n, err := node.Open(ctx, o)
	if err != nil {
		return applyResult{}, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	report, err := n.Apply(ctx)
	if err != nil {
		return applyResult{}, err
	}
	status, err := n.Status()
	if err != nil {
		return applyResult{}, err
	}
	return applyResult{
		Generation: report.Generation, Changed: report.Changed, Operations: report.Operations,
		Flipped: report.Flipped, Rebuilt: report.Rebuilt, NotEnforced: status.NotEnforced,
		Problems: append([]policy.Problem{}, status.Problems...),
		Notes:    append([]string{}, status.Notes...),
	}, nil
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
