// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/policy"
)

// policiesResult is the form of the JSON of policies.
type policiesResult struct {
	Policies []node.PolicyState `json:"policies"`
	// Nameless are the problems of what is no policy, since nobody can tell which it should be.
	Nameless []policy.Problem `json:"nameless"`
}

func (e Environment) policies(f *cli.Flags) cli.Action {
	output, o := f.Output(), e.places(f)
	return func(ctx context.Context, arguments []string, s cli.Streams) error {
		if err := nothingMore(arguments); err != nil {
			return err
		}
		r, err := e.ear(*o, s).policies(ctx)
		if err != nil {
			return err
		}
		if err := r.write(s.Out, output); err != nil {
			return err
		}
		if r.rejected() {
			return cli.ErrFindings
		}
		return nil
	}
}

func (h *hand) policies(ctx context.Context) (r policiesResult, err error) {
	n, err := openReadOnly(h.options)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	r.Policies, r.Nameless = n.PolicyStates(), nameless(n.Policies())
	var heard []node.PolicyState
	if h.hear(ctx, agentapi.VerbPolicies, &heard) {
		r.Policies = heard
	}
	r.Policies = append([]node.PolicyState{}, r.Policies...)
	if err := n.PolicyError(); err != nil {
		fmt.Fprintf(h.notes, "%s; the documents that were accepted last are in force\n",
			cli.Printable(err.Error()))
	}
	return r, nil
}

// nameless are the errors that are not found in the state of any document.
func nameless(set *policy.Set) []policy.Problem {
	found := []policy.Problem{}
	for _, p := range set.Problems {
		if p.Severity == policy.SeverityError && (p.Ref.Kind == "" || p.Ref.Name == "") {
			found = append(found, p)
		}
	}
	return found
}

func (r policiesResult) rejected() bool {
	return len(r.Nameless) > 0 || slices.ContainsFunc(r.Policies, func(p node.PolicyState) bool {
		return p.Standing == node.PolicyRejected
	})
}

func (r policiesResult) write(w io.Writer, o *cli.Output) error {
	if o.JSON() {
		return cli.WriteJSON(w, r)
	}
	rows := [][]string{{"POLICY", "STATE", "GENERATION", "SELECTS", "PLACE", "REASONS"}}
	for _, p := range r.Policies {
		generation, reasons := "-", "-"
		if p.Generation > 0 {
			generation = strconv.FormatUint(uint64(p.Generation), 10)
		}
		if len(p.Reasons) > 0 {
			reasons = strings.Join(p.Reasons, "; ")
		}
		rows = append(rows, []string{p.Ref.String(), string(p.Standing), generation,
			strconv.Itoa(p.Selects), place(p.File, p.Line), reasons})
	}
	for _, p := range r.Nameless {
		rows = append(rows, []string{"?", string(node.PolicyRejected), "-", "0",
			place(p.Position.File, p.Position.Line), p.String()})
	}
	return cli.WriteTable(w, rows)
}

// place is where a document stands in the policy directory.
func place(file string, line int) string {
	return fmt.Sprintf("%s:%d", filepath.Base(file), line)
}
