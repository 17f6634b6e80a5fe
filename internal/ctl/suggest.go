// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/suggest"
	"github.com/bulkhead-net/bulkhead/policy"
)

func (e Environment) suggest(f *cli.Flags) cli.Action {
	output, o, dir := f.Output(), e.places(f), declareDenialsDir(f)
	return func(_ context.Context, arguments []string, s cli.Streams) error {
		if len(arguments) != 1 {
			return cli.Usagef("found %s, wanted the ID of a record", count(len(arguments), "argument"))
		}
		r, err := records{*dir, s.Err}.find(arguments[0])
		if err != nil {
			return err
		}
		if why := askable(&r); why != "" {
			return errors.New("nothing to suggest: " + why)
		}
		v, _, err := glance(*o)
		if err != nil {
			return err
		}
		var endpoints []*policy.Endpoint
		for i := range v.attachments {
			endpoints = append(endpoints, &v.attachments[i].Endpoint)
		}
		now := v.flowNow(&r)
		a := suggest.For(v.policies, endpoints, now.flow)
		a.Notes = append(a.Notes, now.notes...)
		if err := writeAnswer(s, a, output); err != nil {
			return err
		}
		if len(a.Documents) == 0 {
			return cli.ErrFindings
		}
		return nil
	}
}

// writeAnswer writes the documents to the output, as a file of policies, and to the other one what
// somebody should read before applying them. The comments in the file are for who reads it later.
func writeAnswer(s cli.Streams, a suggest.Answer, o *cli.Output) error {
	if o.JSON() {
		return cli.WriteJSON(s.Out, a)
	}
	for _, d := range a.Documents {
		if _, err := fmt.Fprintf(s.Out, "---\n# Allows %s: %s.\n%s", cli.Printable(a.Flow),
			cli.Printable(d.Changes), d.YAML); err != nil {
			return err
		}
	}
	_, err := io.WriteString(s.Err, answerText(a))
	return err
}

func answerText(a suggest.Answer) string {
	var b strings.Builder
	line := func(format string, values ...any) {
		fmt.Fprintf(&b, "%s\n", cli.Printable(fmt.Sprintf(format, values...)))
	}
	switch {
	case a.Accepted():
		line("nothing to suggest, %s is already allowed: %s", a.Flow, a.Decision.Why)
	case len(a.Documents) == 0:
		line("no NetworkPolicy lets %s through", a.Flow)
	case a.OpensCount == 0:
		line("with this, %s is allowed, and nothing else between the endpoints of this node", a.Flow)
	default:
		line("with this, %s is allowed, and %s between the endpoints of this node:", a.Flow,
			count(a.OpensCount, "other flow"))
	}
	for _, text := range a.Opens {
		line("  %s", text)
	}
	if more := a.OpensCount - len(a.Opens); more > 0 {
		line("  ... and %d more", more)
	}
	for _, o := range a.Obstacles {
		line("%s: %s", o.Direction, o.Why)
	}
	for _, would := range a.Decision.WouldDeny {
		line("note: %s is in Audit mode and would refuse its %s: a rule belongs into it before it is "+
			"enforced: %s", would.Policy, would.Direction, would.Why)
	}
	for _, note := range a.Notes {
		line("note: %s", note)
	}
	return b.String()
}
