// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/policy"
)

func (e Environment) label(f *cli.Flags) cli.Action {
	output, o := f.Output(), e.places(f)
	return func(ctx context.Context, arguments []string, s cli.Streams) error {
		if len(arguments) < 2 {
			return cli.Usagef("found %s, wanted ENDPOINT and KEY=VALUE or KEY-",
				count(len(arguments), "argument"))
		}
		change, err := parseLabels(arguments[1:])
		if err != nil {
			return err
		}
		return e.carryOut(ctx, *o, arguments[0], s, output, order{
			request: func(id string) agentapi.Request {
				change.Endpoint = id
				return agentapi.Request{Verb: agentapi.VerbLabel, Label: &change}
			},
			do: func(ctx context.Context, n *node.Node, id string) (node.Report, error) {
				return n.Label(ctx, id, change.Set, change.Remove)
			},
			state: orderResult.labelled,
		})
	}
}

// parseLabels reads KEY=VALUE and KEY-. Each key may be named once: of two words about one label
// the last would win, whatever was meant.
func parseLabels(texts []string) (agentapi.Label, error) {
	change := agentapi.Label{Set: map[string]string{}}
	seen := map[string]bool{}
	for _, text := range texts {
		key, value, sets := strings.Cut(text, "=")
		bare, removes := strings.CutSuffix(key, "-")
		switch {
		case sets:
			change.Set[key] = value
		case removes:
			key = bare
			change.Remove = append(change.Remove, key)
		default:
			return change, cli.Usagef("label %q: accepted are KEY=VALUE and KEY-", text)
		}
		if seen[key] {
			return change, cli.Usagef("label %q: found twice", key)
		}
		seen[key] = true
		if err := policy.CheckLabel(key, value); err != nil {
			return change, cli.Usagef("label %q: %v", key, err)
		}
	}
	return change, nil
}

// labelled is what holds after label.
func (r orderResult) labelled() string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(r.Labels)) {
		all = append(all, key+"="+r.Labels[key])
	}
	if len(all) == 0 {
		return "no labels"
	}
	return "labels " + strings.Join(all, ", ")
}
