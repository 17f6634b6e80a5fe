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

// stillness is how long a connection that was cut must stay silent.
const stillness = 500 * time.Millisecond

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
	if err := writeEdit(); err != nil {
		return err
	}
	p.say("  web, api and backup each hold a connection to db open. %s:\n"+
		"    - %s\n    + %s", editedFile, oldLine, newLine)
	w := watched{start: time.Now()}
	at, err := p.follow(ctx, &w)
	if err != nil {
		return err
	}
	time.Sleep(stillness)
	later, err := p.echoes()
	if err != nil {
		return err
	}
	for i, c := range connections {
		w.before, w.at, w.later = before[i], at[i], later[i]
		if err := p.judge(c.from, c.cut, w); err != nil {
			return err
		}
	}
	p.say("")
	_, err = p.compare()
	return err
}

// watched is a connection around a change: how it was before, right after, and some time later.
type watched struct {
	start             time.Time // of the change
	change            string    // in words
	before, at, later *echoes
}

// judge tells how a connection fared.
func (p *play) judge(name string, cut bool, w watched) error {
	before, at, later := w.before, w.at, w.later
	switch {
	case before.Count == 0:
		return fmt.Errorf("connection of %s: no echo before the edit", name)
	case cut && later.Count > at.Count:
		return fmt.Errorf("connection of %s: %d echoes after it was forbidden", name,
			later.Count-at.Count)
	case cut:
		p.say("  %-7s -> db  cut: last echo %.1f ms after %s, none in the %d ms that followed", name,
			float64(later.Last.Sub(w.start).Microseconds())/1000, w.change,
			stillness.Milliseconds())
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

// follow puts the edited file in place and waits until the kernel follows: with an agent that
// happens by itself, without one apply makes it so.
func (p *play) follow(ctx context.Context, w *watched) ([]*echoes, error) {
	w.change = "the rename"
	p.say("  $ mv %[1]s.new %[1]s", editedFile)
	w.start = time.Now()
	path := filepath.Join(policyDir, editedFile)
	if err := os.Rename(path+".new", path); err != nil {
		return nil, err
	}
	if p.agent != nil {
		return p.cutByItself()
	}
	w.start, w.change = time.Now(), "apply began"
	if _, err := p.ctl(ctx, "apply"); err != nil {
		return nil, err
	}
	p.say("  apply ended after %d ms", time.Since(w.start).Milliseconds())
	time.Sleep(grace)
	return p.echoes()
}

// cutByItself waits until what the edit forbids had no echo for a while.
func (p *play) cutByItself() ([]*echoes, error) {
	for end := time.Now().Add(agentPatience); time.Now().Before(end); {
		at, err := p.echoes()
		if err != nil {
			return nil, err
		}
		running := false
		for i, c := range connections {
			running = running || c.cut && time.Since(at[i].Last) < 10*grace
		}
		if !running {
			return at, nil
		}
		time.Sleep(grace)
	}
	return nil, fmt.Errorf("the edit cut nothing within %v", agentPatience)
}

// writeEdit writes the edited file beside the one that is in force, under a name that no reader
// takes for a policy.
func writeEdit() error {
	path := filepath.Join(policyDir, editedFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if strings.Count(string(text), oldLine) != 1 {
		return fmt.Errorf("%s: want %q once", path, oldLine)
	}
	edited := strings.Replace(string(text), oldLine, newLine, 1)
	return os.WriteFile(path+".new", []byte(edited), 0o644)
}
