// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/journal"
	"github.com/bulkhead-net/bulkhead/internal/query"
)

// defaultDenialsDir is where the agent keeps its records.
const defaultDenialsDir = "/var/lib/bulkhead/denials"

// defaultLimit is how many records or groups are shown unless told otherwise.
const defaultLimit = 100

func declareDenialsDir(f *cli.Flags) *string {
	return f.String("denials-dir", defaultDenialsDir, "`directory` of the agent's records")
}

// denialsResult is the form of the JSON of denials.
type denialsResult struct {
	// Records are the newest that were selected, oldest first; none if they are grouped.
	Records []flow.Record     `json:"records"`
	GroupBy []query.Dimension `json:"groupBy,omitempty"`
	Groups  []query.Group     `json:"groups,omitempty"`
	// LeftOut is how many older records, or smaller groups, the limit left out.
	LeftOut int `json:"leftOut"`
	// Loss is of the whole node in the time asked for, whatever else was selected.
	Loss     query.Loss `json:"loss"`
	Coverage coverage   `json:"coverage"`
}

// denialsOptions are the flags of denials.
type denialsOptions struct {
	output    *cli.Output
	dir       *string
	selection *selection
	groupBy   *cli.List
	follow    *bool
	limit     *int
}

func (e Environment) denials(f *cli.Flags) cli.Action {
	places := e.places(f)
	o := denialsOptions{output: f.Output(), dir: declareDenialsDir(f), selection: declareSelection(f),
		groupBy: f.List("group-by", "`dimensions`: any of client, server, policy, rule, port, "+
			"reason, direction, namespace"),
		follow: f.Bool("f", false, "go on with what is recorded from now on"),
		limit:  f.Int("limit", defaultLimit, "`number` of records or groups to show at most; 0 for all")}
	return func(ctx context.Context, arguments []string, s cli.Streams) error {
		if err := nothingMore(arguments); err != nil {
			return err
		}
		filter, err := o.selection.filter(time.Now())
		if err != nil {
			return err
		}
		by, err := values("group-by", o.groupBy, query.ParseDimension)
		if err != nil {
			return err
		}
		if *o.limit < 0 {
			return cli.Usagef("--limit: found %d, accepted a number from 0 on", *o.limit)
		}
		if *o.follow {
			return o.followOn(ctx, filter, f, s)
		}
		r, err := records{*o.dir, s.Err}.selected(filter, by, *o.limit)
		if err != nil {
			return err
		}
		r.Coverage.Agent, r.Coverage.Live = e.agentCoverage(ctx, *places, s)
		return r.write(s.Out, o.output)
	}
}

// selected is what was recorded, and what of it was asked for.
func (j records) selected(filter query.Filter, by []query.Dimension, limit int) (denialsResult,
	error) {
	r := denialsResult{Records: []flow.Record{}, GroupBy: by}
	groups, ledger := query.NewGroups(by), query.NewLedger()
	last := ring{limit: limit}
	err := j.read(filter.Since, filter.Until, func(record *flow.Record) bool {
		ledger.Add(record)
		switch {
		case !filter.Matches(record):
		case len(by) > 0:
			groups.Add(record)
		default:
			last.add(*record)
		}
		return true
	})
	r.Loss, r.Coverage.Since, r.Coverage.Until = ledger.Loss(), filter.Since, filter.Until
	r.Coverage.Oldest = journal.Oldest(j.dir)
	if len(by) > 0 {
		r.Groups = groups.Sorted()
		if shown := len(r.Groups); limit > 0 && shown > limit {
			r.Groups, r.LeftOut = r.Groups[:limit], shown-limit
		}
	} else {
		r.Records, r.LeftOut = last.list(), last.dropped
	}
	return r, err
}

// ring keeps the last records; a limit of 0 keeps them all.
type ring struct {
	limit, next, dropped int
	records              []flow.Record
}

func (g *ring) add(r flow.Record) {
	if g.limit == 0 || len(g.records) < g.limit {
		g.records = append(g.records, r)
		return
	}
	g.records[g.next] = r
	g.next = (g.next + 1) % g.limit
	g.dropped++
}

func (g *ring) list() []flow.Record {
	return append(append([]flow.Record{}, g.records[g.next:]...), g.records[:g.next]...)
}
