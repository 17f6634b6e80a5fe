// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The edit: the web server loses its way to the database, the API and the backup keep theirs.
const (
	editedFile = "shop.yaml"
	oldLine    = "- {key: app, operator: In, values: [api, web]}"
	newLine    = "- {key: app, operator: In, values: [api]}"
)

// connections run through the edit: which end by it, and which go on.
var connections = []struct {
	from string
	v6   bool
	cut  bool
}{
	{"web", false, true},
	{"api", true, false},
	{"backup", false, false},
}

// grace is how much later than the kernel's change an echo may be noticed: it was on its way.
const grace = 20 * time.Millisecond

// edit changes a policy under running connections.
func (p *play) edit(ctx context.Context) error {
	for _, c := range connections {
		address := netip.AddrPortFrom(p.containers["db"].address(c.v6), 5432).String()
		if _, err := p.containers[c.from].ask(request{Open: address}); err != nil {
			return err
		}
	}
	time.Sleep(300 * time.Millisecond)
	before, err := p.echoes()
	if err != nil {
		return err
	}
	if err := replaceLine(); err != nil {
		return err
	}
	p.say("  web, api and backup each hold a connection to db open. %s:\n"+
		"    - %s\n    + %s", editedFile, oldLine, newLine)
	start := time.Now()
	if _, err := p.ctl(ctx, "apply"); err != nil {
		return err
	}
	took := time.Since(start)
	time.Sleep(grace)
	at, err := p.echoes()
	if err != nil {
		return err
	}
	time.Sleep(500 * time.Millisecond)
	later, err := p.echoes()
	if err != nil {
		return err
	}
	p.say("  apply ended after %d ms", took.Milliseconds())
	for i, c := range connections {
		if err := p.judge(c.from, c.cut, start, before[i], at[i], later[i]); err != nil {
			return err
		}
	}
	p.say("")
	_, err = p.compare()
	return err
}

// judge tells how a connection fared; before is from before the edit, at from right after it.
func (p *play) judge(name string, cut bool, start time.Time, before, at, later *echoes) error {
	switch {
	case before.Count == 0:
		return fmt.Errorf("connection of %s: no echo before the edit", name)
	case cut && later.Count > at.Count:
		return fmt.Errorf("connection of %s: %d echoes after it was forbidden", name,
			later.Count-at.Count)
	case cut:
		p.say("  %-7s -> db  cut: last echo %.1f ms after apply began, none in the 500 ms after "+
			"it ended", name, float64(later.Last.Sub(start).Microseconds())/1000)
	case later.Count == at.Count || later.Error != "":
		return fmt.Errorf("connection of %s: stopped (%s), though it is allowed", name,
			later.Error)
	default:
		p.say("  %-7s -> db  goes on: %d echoes before, %d during, %d after", name, before.Count,
			at.Count-before.Count, later.Count-at.Count)
	}
	return nil
}

func (p *play) echoes() ([]*echoes, error) {
	var all []*echoes
	for _, c := range connections {
		a, err := p.containers[c.from].ask(request{})
		if err != nil {
			return nil, err
		}
		if a.Echo == nil {
			return nil, errors.New(c.from + " has no connection open")
		}
		all = append(all, a.Echo)
	}
	return all, nil
}

func replaceLine() error {
	path := filepath.Join(policyDir, editedFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if strings.Count(string(text), oldLine) != 1 {
		return fmt.Errorf("%s: want %q once", path, oldLine)
	}
	return os.WriteFile(path, []byte(strings.Replace(string(text), oldLine, newLine, 1)), 0o644)
}
