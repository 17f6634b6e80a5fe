// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agent"
	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

// survive kills the agent and starts it again: the rules do not notice.
func (p *play) survive(ctx context.Context) error {
	if err := p.accounted(ctx); err != nil {
		return err
	}
	before, err := status(ctx)
	if err != nil {
		return err
	}
	running, err := p.echoes()
	if err != nil {
		return err
	}
	if err := p.agent.kill(); err != nil {
		return err
	}
	p.say("  $ kill -9 %d", p.agent.cmd.Process.Pid)
	err = ask(ctx, agentapi.Request{Verb: agentapi.VerbReady}, nil)
	if !errors.Is(err, agentapi.ErrDown) {
		return fmt.Errorf("socket of a killed agent: got %v, want %w", err, agentapi.ErrDown)
	}
	if err := p.unchanged("without any process of ours"); err != nil {
		return err
	}
	start := time.Now()
	if p.agent, err = startAgent(ctx, p.bin); err != nil {
		return err
	}
	took := time.Since(start)
	after, err := status(ctx)
	if err != nil {
		return err
	}
	if after.Generation != before.Generation || after.Repairs != 0 {
		return fmt.Errorf("second agent: generation %d and %d repairs, want the first one's %d and "+
			"none", after.Generation, after.Repairs, before.Generation)
	}
	p.say("  $ bulkheadd agent\n  ready after %d ms, generation %d as before: it found nothing to "+
		"change", took.Milliseconds(), after.Generation)
	if err := p.unchanged("with the second agent"); err != nil {
		return err
	}
	return p.wentOn(running, "web")
}

// accounted waits until the agent has read the counters of groups that the edit removed, and has
// taken them away, which is a generation of its own.
func (p *play) accounted(ctx context.Context) error {
	return p.agent.await(ctx, "done with old counters", func() (bool, error) {
		n, err := node.OpenReadOnly(node.Options{StateDir: stateDir, PolicyDir: policyDir})
		if err != nil {
			return false, err
		}
		kept, err := n.Retained()
		return len(kept.Counters) == 0, errors.Join(err, n.Close())
	})
}

// status is what the agent says of itself.
func status(ctx context.Context) (s agent.Summary, err error) {
	return s, ask(ctx, agentapi.Request{Verb: agentapi.VerbStatus}, &s)
}

// unchanged probes everything once more and shows only how many probes there were.
func (p *play) unchanged(when string) error {
	m, err := p.observe()
	if err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return err
	}
	p.say("  %d of %d probes end as the policies say, %s", len(m.all()), len(m.all()), when)
	return nil
}

// wentOn tells how many echoes the connections had since, but for one that was cut before.
func (p *play) wentOn(since []*echoes, but string) error {
	now, err := p.echoes()
	if err != nil {
		return err
	}
	for i, c := range connections {
		if c.from == but {
			continue
		}
		if now[i].Count == since[i].Count || now[i].Error != "" {
			return fmt.Errorf("connection of %s: stopped (%s), though it is allowed", c.from,
				now[i].Error)
		}
		p.say("  %-7s -> db  went on: %d echoes meanwhile", c.from, now[i].Count-since[i].Count)
	}
	return nil
}
