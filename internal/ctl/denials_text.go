// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/query"
)

var recordColumns = []string{"ID", "TIME", "COUNT", "DIR", "FLOW", "REASON", "POLICY", "ACTION"}

// recordRow is a record in a table. The time is that of its last packet.
func recordRow(r *flow.Record) []string {
	row := []string{r.ID, stamp(r.End), strconv.FormatUint(r.Packets, 10), r.Direction.String(),
		query.FlowText(r), string(r.Reason), query.Cause(r), string(r.Action)}
	switch {
	case r.Kind == flow.LossReport:
		row = []string{r.ID, stamp(r.End), strconv.FormatUint(r.Lost, 10), "", "not told: " +
			counterText(r.Counter), string(flow.LossReport), "", ""}
	case r.Kind == flow.WouldDeny:
		row[5], row[7] = string(flow.WouldDeny), string(flow.Pass)
	}
	for i, cell := range row {
		if cell == "" {
			row[i] = "-"
		}
	}
	return row
}

// counterText is a counter as nft lists it, with its family.
func counterText(c flow.Counter) string { return c.Family + " " + c.Name() }

func (r denialsResult) write(w io.Writer, o *cli.Output) error {
	if o.JSON() {
		return cli.WriteJSON(w, r)
	}
	rows := [][]string{recordColumns}
	for i := range r.Records {
		rows = append(rows, recordRow(&r.Records[i]))
	}
	if len(r.GroupBy) > 0 {
		rows = r.groupRows()
	}
	if len(rows) > 1 {
		if err := cli.WriteTable(w, rows); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(w, "no such record")
	}
	if r.LeftOut > 0 {
		what := "older record"
		if len(r.GroupBy) > 0 {
			what = "smaller group"
		}
		fmt.Fprintf(w, "%s left out; --limit 0 shows all\n", count(r.LeftOut, what))
	}
	fmt.Fprintln(w)
	return cli.WriteTable(w, [][]string{{"loss", lossText(r.Loss)},
		{"coverage", r.Coverage.text()}})
}

func (r denialsResult) groupRows() [][]string {
	header := []string{"COUNT", "PACKETS", "FIRST", "LAST"}
	for _, d := range r.GroupBy {
		header = append(header, strings.ToUpper(string(d)))
	}
	rows := [][]string{header}
	for _, g := range r.Groups {
		rows = append(rows, append([]string{strconv.FormatUint(g.Records, 10),
			strconv.FormatUint(g.Packets, 10), stamp(g.First), stamp(g.Last)}, g.Key...))
	}
	return rows
}

// maxLosers bounds how many counters are named; JSON has them all.
const maxLosers = 3

func lossText(l query.Loss) string {
	text := fmt.Sprintf("%s counted, %d recorded, %d lost", count(int(l.Counted), "packet"),
		l.Recorded, l.Lost)
	for i, c := range l.Counters {
		if i == maxLosers {
			return fmt.Sprintf("%s, and %s more", text, count(len(l.Counters)-i, "counter"))
		}
		separator := ", "
		if i == 0 {
			separator = ": "
		}
		text += fmt.Sprintf("%s%d by %s", separator, c.Lost, counterText(c.Counter))
	}
	return text
}
