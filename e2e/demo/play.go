// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// play is the demo on its stage.
type play struct {
	out        io.Writer
	root, bin  string
	pid        string // the stage's, on the machine
	options    options
	agent      *keeper // nil if the node has none
	containers map[string]*container
	probes     int // how many were compared
}

// scene is one part of the demo.
type scene struct {
	title string
	run   func(*play, context.Context) error
}

// scenes are all parts but the last.
func (o options) scenes() []scene {
	all := []scene{
		{"Attached by libcni, Bulkhead last in the list", (*play).attachAll},
		{"Without policies everybody reaches everything", (*play).withoutPolicies},
		{"With policies: what gets through", (*play).withPolicies},
		{"A live edit cuts an open connection", (*play).edit},
		{"Why?", (*play).explain},
	}
	if o.daemonless {
		return all
	}
	all = slices.Insert(all, 0, scene{"An agent serves the node", (*play).serve})
	return append(all, scene{"What was refused is on record", (*play).recorded},
		scene{"The agent is killed, and nothing changes", (*play).survive},
		scene{"Quarantine", (*play).quarantine})
}

func (p *play) run(ctx context.Context) error {
	scenes := p.options.scenes()
	for i, s := range scenes {
		p.title(i+1, s.title)
		if err := s.run(p, ctx); err != nil {
			return err
		}
	}
	if p.options.hold {
		p.wait(ctx)
		ctx = context.WithoutCancel(ctx)
	}
	p.title(len(scenes)+1, "Detached, and nothing is left")
	if err := p.leave(ctx); err != nil {
		return err
	}
	p.say("\nobserved == expected (%d probes)", p.probes)
	return nil
}

func (p *play) say(format string, arguments ...any) {
	fmt.Fprintf(p.out, format+"\n", arguments...)
}

func (p *play) title(n int, text string) { p.say("\n== %d. %s", n, text) }

// attachAll starts the cast and runs the networks' plugins for each container.
func (p *play) attachAll(ctx context.Context) error {
	p.containers = map[string]*container{}
	p.say("  %-17s %-9s %-12s %-15s %-12s %s", "container", "network", "host link", "IPv4",
		"IPv6", "ADD")
	for _, r := range cast {
		c, err := startContainer(context.WithoutCancel(ctx), r)
		if err != nil {
			return err
		}
		p.containers[r.name] = c
		if r.isHost() {
			continue
		}
		start := time.Now()
		if err := p.attach(ctx, c); err != nil {
			return err
		}
		p.say("  %-17s %-9s %-12s %-15s %-12s %d ms", c, c.network, c.hostLink,
			c.address(false), c.address(true), time.Since(start).Milliseconds())
	}
	return settle(ctx)
}

// withoutPolicies shows that nothing but the policies is in the way.
func (p *play) withoutPolicies(context.Context) error {
	m, err := p.compare()
	if err != nil {
		return err
	}
	if n := m.count(passed); n != len(m.all()) {
		return fmt.Errorf("%d of %d probes passed without policies, want all", n, len(m.all()))
	}
	p.say("  %d of %d probes pass", m.count(passed), len(m.all()))
	return nil
}

// compare probes, shows and judges.
func (p *play) compare() (*matrix, error) {
	m, err := p.observe()
	if err != nil {
		return nil, err
	}
	m.print(p.out)
	return m, m.check()
}

// observe probes everything, and asks the law about it.
func (p *play) observe() (*matrix, error) {
	set, err := law()
	if err != nil {
		return nil, err
	}
	m, err := p.probe(set)
	if err != nil {
		return nil, err
	}
	p.probes += len(m.all())
	return m, nil
}

// serve starts the agent, through which everything else goes.
func (p *play) serve(ctx context.Context) (err error) {
	start := time.Now()
	p.agent, err = startAgent(ctx, p.bin)
	if err == nil {
		p.say("  $ bulkheadd agent\n  ready after %d ms", time.Since(start).Milliseconds())
	}
	return err
}

// ctl runs bulkheadctl and shows what it prints.
func (p *play) ctl(ctx context.Context, verb string, arguments ...string) (string, error) {
	arguments = append([]string{verb}, arguments...)
	p.say("  $ bulkheadctl %s", strings.Join(arguments, " "))
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, "bulkheadctl"), withPlaces(arguments)...)
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		fmt.Fprint(p.out, "    "+line)
	}
	if err != nil {
		return "", fmt.Errorf("bulkheadctl %s: %w", verb, err)
	}
	return string(out), nil
}

// withPlaces says where the demo's policies and records are; on a host they are where bulkheadctl
// looks.
func withPlaces(arguments []string) []string {
	places := []string{"-policy-dir", policyDir}
	if arguments[0] == "denials" || arguments[0] == "suggest" {
		places = append(places, "-denials-dir", denialsDir)
	}
	return slices.Concat(arguments[:1], places, arguments[1:])
}

// explain asks for the three judges' answer about the connection that was cut.
func (p *play) explain(ctx context.Context) error {
	_, err := p.ctl(ctx, "explain", "shop/web", "shop/db", "5432/tcp")
	return err
}

// wait leaves everything standing for a person to look at.
func (p *play) wait(ctx context.Context) {
	p.say("\n== Standing. Look around from another terminal:\n"+
		"  nsenter --net=/proc/%[1]s/ns/net nft list ruleset\n"+
		"  nsenter --target %[1]s --net --mount --pid %[2]s/bulkheadctl explain "+
		"-policy-dir %[3]s default/intruder shop/db 5432/tcp\n"+
		"Enter, or SIGTERM to process %[1]s, goes on.", p.pid, p.bin, policyDir)
	entered := make(chan struct{})
	go func() {
		if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err == nil {
			close(entered)
		}
	}()
	select {
	case <-ctx.Done():
	case <-entered:
	}
}
