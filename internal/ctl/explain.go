// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"errors"
	"fmt"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// question is a flow to explain, as the command line states it.
type question struct {
	from, to string
	service  service
	v6       bool
}

// explanation is the three judges' answers about one flow. It is also the form of the JSON.
type explanation struct {
	Flow string `json:"flow"`
	From side   `json:"from"`
	To   side   `json:"to"`
	// Agree says that nothing contradicts anything; Differences say what does.
	Agree       bool               `json:"agree"`
	Differences []string           `json:"differences"`
	Notes       []string           `json:"notes"`
	Law         policy.Explanation `json:"law"`
	Rules       traced             `json:"rules"`
	Kernel      kernelView         `json:"kernel"`
}

func (e Environment) explain(f *cli.Flags) cli.Action {
	output, o := f.Output(), e.places(f)
	v6 := f.Bool("6", false, "IPv6 addresses of endpoints that have both families")
	denial := f.String("denial", "", "`id` of a record, or its beginning, in the place of a flow")
	dir := declareDenialsDir(f)
	return func(ctx context.Context, arguments []string, s cli.Streams) (err error) {
		if *denial != "" {
			if err := nothingMore(arguments); err != nil {
				return err
			}
			return explainDenial(*dir, *denial, *o, s, output)
		}
		if len(arguments) != 3 {
			return cli.Usagef("found %s, wanted FROM, TO and PORT/PROTO",
				count(len(arguments), "argument"))
		}
		q := question{from: arguments[0], to: arguments[1], v6: *v6}
		if q.service, err = parseService(arguments[2]); err != nil {
			return err
		}
		v, err := look(ctx, *o)
		if err != nil {
			return err
		}
		links, err := link.Open(link.Options{NetNS: e.NetNS})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, links.Close()) }()
		x, err := v.explain(q, links)
		if err != nil {
			return err
		}
		return x.print(s, output)
	}
}

func (x explanation) print(s cli.Streams, o *cli.Output) error {
	var err error
	if o.JSON() {
		err = cli.WriteJSON(s.Out, x)
	} else {
		err = x.write(s.Out)
	}
	if err == nil && !x.Agree {
		err = cli.ErrFindings
	}
	return err
}

// explain asks the law, the compiled rules and what is known of the kernel.
func (v view) explain(q question, r router) (explanation, error) {
	j, err := v.journey(q, r)
	if err != nil {
		return explanation{}, err
	}
	tracer, err := ruleset.NewTracer(v.desired)
	if err != nil {
		return explanation{}, fmt.Errorf("desired ruleset: %w", err)
	}
	x := explanation{Flow: j.flow.String(), From: j.from.describe(), To: j.to.describe(),
		Notes: append([]string{}, j.notes...), Law: v.policies.Explain(j.flow)}
	path, packet := j.first()
	if j.inside() {
		x.Rules = traced{Verdict: ruleset.Accepted.String(), Steps: []tracedStep{}}
		x.Notes = append(x.Notes, "the flow stays inside the container; no rule sees it")
	} else {
		x.Rules = newTraced(tracer.Walk(path, packet))
	}
	if reason := x.Rules.always(); reason != "" {
		x.Notes = append(x.Notes, "dropped whatever the policy: "+reason+": "+reasons[reason])
	}
	x.Kernel = v.kernel(x.Rules)
	x.Differences = v.differences(j, x)
	x.Agree = len(x.Differences) == 0
	return x, nil
}
