// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/policy"
)

// suspect is who is cut off: the backup, with its connection to the database open.
const suspect = "backup"

// quarantine cuts a container off and lets it back in.
func (p *play) quarantine(ctx context.Context) error {
	c := p.containers[suspect]
	id := endpoint.ID(c.containerID(), interfaceName)
	before, err := p.echoes()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := ask(ctx, agentapi.Request{Verb: agentapi.VerbQuarantine,
		Quarantine: &agentapi.Quarantine{Endpoint: id}}, nil); err != nil {
		return err
	}
	c.quarantine = &policy.Quarantine{}
	p.say("  %s is put in quarantine; the agent answers after %d ms", c,
		time.Since(start).Milliseconds())
	time.Sleep(grace)
	at, err := p.echoes()
	if err != nil {
		return err
	}
	time.Sleep(stillness)
	later, err := p.echoes()
	if err != nil {
		return err
	}
	for i, connection := range connections {
		if connection.cut {
			continue // the edit cut it
		}
		cut := connection.from == suspect
		if err := p.judge(connection.from, cut, watched{start, "the request", before[i], at[i],
			later[i]}); err != nil {
			return err
		}
	}
	p.say("")
	if _, err := p.compare(); err != nil {
		return err
	}
	return p.letBackIn(ctx, c, id)
}

func (p *play) letBackIn(ctx context.Context, c *container, id string) error {
	if err := ask(ctx, agentapi.Request{Verb: agentapi.VerbRelease,
		Release: &agentapi.Release{Endpoint: id}}, nil); err != nil {
		return fmt.Errorf("release of %s: %w", c, err)
	}
	c.quarantine = nil
	p.say("\n  %s is released", c)
	return p.unchanged("with " + c.name + " back")
}
