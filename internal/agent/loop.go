// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/nft"
)

// job is a request that waits for the loop.
type job struct {
	ctx     context.Context
	request agentapi.Request
	answer  chan answer // has room for one
}

type answer struct {
	result any
	err    error
}

// Handle brings a request to the loop and waits. Whoever asked and went away meanwhile is not
// served; whoever is being served when its time ends hears that the agent is busy.
func (a *Agent) Handle(ctx context.Context, r agentapi.Request) (any, error) {
	switch r.Verb { // they say so even if the loop hangs
	case agentapi.VerbReady:
		return a.ready(), nil
	case agentapi.VerbStatus:
		return a.withDenials(a.now()), nil
	case agentapi.VerbDenials:
		return a.accounts()
	}
	j := job{ctx: ctx, request: r, answer: make(chan answer, 1)}
	select {
	case a.jobs <- j:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case got := <-j.answer:
		return got.result, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// events are where news come from. A nil channel brings none.
type events struct {
	kernel <-chan nft.Event
	links  <-chan link.Event
}

// loop serves requests, events and tasks, one at a time, until ctx ends. A task that is due and a
// request that waits take turns, so that a crowd of one kind does not starve the other.
func (a *Agent) loop(ctx context.Context, in events) {
	for ctx.Err() == nil {
		first := next(a.tasks)
		if first == nil {
			in = a.wait(ctx, in, nil)
			continue
		}
		if wait := time.Until(first.due); wait > 0 {
			timer := time.NewTimer(wait)
			in = a.wait(ctx, in, timer.C)
			timer.Stop()
			continue
		}
		a.do(ctx, first)
		select {
		case j := <-a.jobs:
			a.serve(j)
		default:
		}
	}
}

// wait returns after one thing has happened.
func (a *Agent) wait(ctx context.Context, in events, alarm <-chan time.Time) events {
	select {
	case <-ctx.Done():
	case <-alarm:
	case j := <-a.jobs:
		a.serve(j)
	case <-a.options.Hangup:
		a.reconfigure(ctx)
	case <-a.policies.Changed():
		a.reload.wake(time.Now())
	case <-a.account.counted():
		a.counters.wake(time.Now())
	case e, open := <-in.kernel:
		if !open {
			in.kernel = nil
			break
		}
		a.kernelChanged(e)
	case _, open := <-in.links:
		if !open {
			in.links = nil
			break
		}
		a.links.wake(time.Now())
	}
	return in
}

// do runs a task, and tells of the first failure and of the recovery.
func (a *Agent) do(ctx context.Context, t *task) {
	end := a.pulse.begin(t.name)
	failed := t.err != nil
	start := time.Now()
	a.began = start
	t.serve(ctx, time.Now)
	end()
	a.metrics.ran(t.name, time.Since(start), t.err)
	switch {
	case t.err != nil && t.failures == 1:
		a.log.Error("failed, will try again", "task", t.name, "error", t.err)
	case t.err == nil && failed:
		a.log.Info("works again", "task", t.name)
	}
	a.publish()
}

func (a *Agent) serve(j job) {
	if err := j.ctx.Err(); err != nil {
		j.answer <- answer{err: err}
		return
	}
	end := a.pulse.begin(string(j.request.Verb))
	start := time.Now()
	a.began = start
	result, err := a.answer(j.ctx, j.request)
	end()
	a.metrics.served(string(j.request.Verb), time.Since(start), err)
	if err != nil {
		a.log.Warn("request refused", "verb", j.request.Verb, "error", err)
	}
	a.publish() // first: who has the answer finds it in the summary
	j.answer <- answer{result, err}
}
