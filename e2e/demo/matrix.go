// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"

	"github.com/bulkhead-net/bulkhead/policy"
)

// try is one probe with what the law says about it and what became of it.
type try struct {
	from     *container
	column   column
	flow     policy.Flow
	decision policy.Decision
	observed outcome
}

func (t try) wrong() bool { return t.observed != expect(t.decision) }

func (t try) String() string {
	return fmt.Sprintf("%s -> %s (%s) %s", t.from, t.column.name(), t.flow.To.Addr,
		t.column.service)
}

// matrix is everybody's tries to reach every service, on both families.
type matrix struct {
	sources []*container
	columns []column
	tries   map[string][]*try // by source and column
}

// probe lets every source try every service, all at once, and asks the law about each.
func (p *play) probe(set *policy.Set) (*matrix, error) {
	m := &matrix{columns: columns(), tries: map[string][]*try{}}
	var wait sync.WaitGroup
	errs := make([]error, len(cast))
	for i, r := range cast {
		from := p.containers[r.name]
		m.sources = append(m.sources, from)
		var tries []*try
		for _, c := range m.columns {
			cell := p.cell(set, from, c)
			m.tries[key(from, c)] = cell
			tries = append(tries, cell...)
		}
		wait.Go(func() { errs[i] = from.try(tries) })
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

func key(from *container, c column) string {
	return from.name + " " + c.name() + " " + c.service.String()
}

// cell is the tries of one source at one service: none at its own.
func (p *play) cell(set *policy.Set, from *container, c column) []*try {
	if from.name == c.target.name {
		return nil
	}
	var cell []*try
	for _, v6 := range []bool{false, true} {
		to := p.containers[c.target.name]
		source, target := from.address(v6), to.address(v6)
		switch {
		case c.metadata:
			target = metadata(v6)
		case to.isHost():
			target = from.gateway(v6)
		case from.isHost():
			source = to.gateway(v6)
		}
		t := &try{from: from, column: c,
			flow: flow(from.party(source), to.party(target), c.service)}
		t.decision = set.Evaluate(t.flow)
		cell = append(cell, t)
	}
	return cell
}

func metadata(v6 bool) netip.Addr {
	if v6 {
		return metadataV6
	}
	return metadataV4
}

func (c *container) try(tries []*try) error {
	q := request{}
	for _, t := range tries {
		q.Probes = append(q.Probes, probe{Service: t.column.service, Addr: t.flow.To.Addr})
	}
	a, err := c.ask(q)
	if err != nil {
		return err
	}
	for i, t := range tries {
		t.observed = a.Outcomes[i]
	}
	return nil
}

// all are the tries in the order of the rows.
func (m *matrix) all() []*try {
	var all []*try
	for _, from := range m.sources {
		for _, c := range m.columns {
			all = append(all, m.tries[key(from, c)]...)
		}
	}
	return all
}

// count counts the tries that were observed to end so.
func (m *matrix) count(o outcome) int {
	n := 0
	for _, t := range m.all() {
		if t.observed == o {
			n++
		}
	}
	return n
}

// check compares, and names every probe that went another way than the law says.
func (m *matrix) check() error {
	var b strings.Builder
	wrong := 0
	for _, t := range m.all() {
		if t.wrong() {
			wrong++
			fmt.Fprintf(&b, "\n! %s: observed %s, expected %s: %s", t, t.observed,
				expect(t.decision), t.decision.Why)
		}
	}
	if wrong > 0 {
		return fmt.Errorf("observed != expected in %d of %d probes%s", wrong, len(m.all()), &b)
	}
	return nil
}

// print writes the matrix: a row for each source, a column for each service.
func (m *matrix) print(w io.Writer) {
	row := func(name string, text func(column) string) {
		line := fmt.Sprintf("  %-9s", name)
		for _, c := range m.columns {
			line += fmt.Sprintf(" %-7s", text(c))
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
	row("", column.name)
	row("", func(c column) string { return strings.TrimSuffix(c.service.String(), "/tcp") })
	for _, from := range m.sources {
		row(from.name, func(c column) string { return m.symbols(from, c) })
	}
}

// symbols show a cell: 4 and 6 for what passed on either family, a dot for what was dropped, x
// for what was rejected, and ! in front of what differs from the law.
func (m *matrix) symbols(from *container, c column) string {
	cell := m.tries[key(from, c)]
	if len(cell) == 0 {
		return "-"
	}
	text, mark := "", ""
	for _, t := range cell {
		if t.wrong() {
			mark = "!"
		}
		switch {
		case t.observed == dropped:
			text += "."
		case t.observed == rejected:
			text += "x"
		case t.observed != passed:
			text += "?"
		case t.flow.To.Addr.Is6():
			text += "6"
		default:
			text += "4"
		}
	}
	return mark + text
}
