// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/query"
)

// followOn shows records as they are written, until somebody ends it. It begins with those since
// --since, if that is given. Losses are told as they come, since there is no end to sum them up at.
func (o denialsOptions) followOn(ctx context.Context, filter query.Filter, f *cli.Flags,
	s cli.Streams) error {
	given := map[string]bool{}
	f.Visit(func(one *flag.Flag) { given[one.Name] = true })
	for _, name := range []string{"until", "limit", "group-by"} {
		if given[name] {
			return cli.Usagef("--%s: found it beside -f, which has no end", name)
		}
	}
	if !given["since"] {
		filter.Since = time.Time{} // what is written from now on, of whatever time it tells
	}
	if !given["kind"] {
		filter.Kinds = append(filter.Kinds, flow.LossReport)
	}
	show := func(r *flow.Record) error { return writeLine(s.Out, r) }
	if !o.output.JSON() {
		table := newRunning(s.Out)
		if err := table.row(recordColumns); err != nil {
			return err
		}
		show = table.show
	}
	var failed error
	err := records{*o.dir, s.Err}.follow(ctx, filter.Since, func(r *flow.Record) bool {
		if filter.Matches(r) {
			failed = show(r)
		}
		return failed == nil
	})
	return errors.Join(err, failed)
}

// writeLine writes a record as JSON on one line, in ASCII.
func writeLine(w io.Writer, r *flow.Record) error {
	var indented bytes.Buffer
	if err := cli.WriteJSON(&indented, r); err != nil {
		return err
	}
	var line bytes.Buffer
	if err := json.Compact(&line, indented.Bytes()); err != nil {
		return err
	}
	line.WriteByte('\n')
	_, err := w.Write(line.Bytes())
	return err
}

// running is a table whose rows come one by one: columns grow when they must.
type running struct {
	w     io.Writer
	width []int
}

func newRunning(w io.Writer) *running {
	return &running{w: w, width: []int{26, 20, 5, 7, 40, 12, 30, 0}}
}

func (t *running) show(r *flow.Record) error { return t.row(recordRow(r)) }

func (t *running) row(cells []string) error {
	var b strings.Builder
	for i, cell := range cells {
		cell = cli.Printable(cell)
		b.WriteString(cell)
		size := utf8.RuneCountInString(cell)
		t.width[i] = max(t.width[i], size)
		if i+1 < len(cells) {
			b.WriteString(strings.Repeat(" ", t.width[i]-size+2))
		}
	}
	_, err := fmt.Fprintln(t.w, b.String())
	return err
}
