// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

// The rests after a run. A burst of events of one cause is one run.
const (
	reloadGap = 50 * time.Millisecond
	resyncGap = 100 * time.Millisecond
	linksGap  = 100 * time.Millisecond
	// marksGap is longer: the rules of a whole node are read.
	marksGap = 5 * time.Second
	// countersGap is longer than packets walk old chains.
	countersGap = 2 * time.Second
)

// setTasks names what the agent keeps true, in the order in which it begins.
func (a *Agent) setTasks() {
	every := a.options.Resync
	a.features = &task{name: "features", run: a.doFeatures, every: every}
	a.reload = &task{name: "policies", run: a.doReload, gap: reloadGap}
	a.links = &task{name: "links", run: a.doLinks, every: every, gap: linksGap}
	a.resync = &task{name: "kernel", run: a.doResync, every: every, gap: resyncGap}
	a.readmit = &task{name: "readmission", run: a.doReadmit}
	a.marks = &task{name: "marks", run: a.doMarks, every: every, gap: marksGap}
	a.counters = &task{name: "counters", run: a.doCounters, gap: countersGap}
	a.tasks = []*task{a.features, a.reload, a.links, a.resync, a.readmit, a.marks, a.counters}
}

// doFeatures tries whether the kernel can hold our rules, as long as it holds none: a node that
// cannot enforce says so before the first container is attached.
func (a *Agent) doFeatures(ctx context.Context) error { return a.node.Features(ctx) }

// doReload makes the kernel follow the policy directory. While it cannot be read, the last accepted
// documents stay in force.
func (a *Agent) doReload(ctx context.Context) error {
	unreadable := a.node.Reload()
	report, err := a.node.Follow(ctx)
	a.took(report, err)
	return errors.Join(unreadable, err)
}

// catchUp makes the policies that were in place before a request the ones that it is served by: who
// writes a policy and then starts a container must not race with our events.
func (a *Agent) catchUp(ctx context.Context) {
	_, _ = a.policies.Read() // takes in what inotify holds; doReload tells of errors
	select {
	case <-a.policies.Changed():
	default:
		if a.reload.due.IsZero() {
			return
		}
	}
	a.do(ctx, a.reload)
}

// doResync reads the kernel back and repairs what somebody else changed.
func (a *Agent) doResync(ctx context.Context) error {
	report, err := a.node.Resync(ctx)
	a.took(report, err)
	return err
}

// doLinks sets what bridges and ports must have, and finds out which endpoints are where they were.
func (a *Agent) doLinks(context.Context) error {
	err := a.node.MendLinks()
	now := a.node.Unenforced()
	for id, why := range now {
		if a.notEnforced[id] != why {
			a.log.Warn("endpoint is not enforced, and closed", "endpoint", id, "reason", why)
		}
	}
	for id := range a.notEnforced {
		if _, still := now[id]; !still {
			a.log.Info("endpoint is enforced again, or gone", "endpoint", id)
		}
	}
	a.notEnforced = now
	return err
}

// doReadmit ends the quarantine of what was attached while there was no agent.
func (a *Agent) doReadmit(ctx context.Context) error {
	var errs []error
	for _, at := range a.node.Attachments() {
		if at.Endpoint.Quarantine == nil || at.QuarantineReason != endpoint.QuarantineAgentDown {
			continue
		}
		report, err := a.node.Release(ctx, at.Endpoint.ID)
		if err == nil {
			a.took(report, nil)
			a.log.Info("endpoint that was attached without an agent is released", "endpoint",
				at.Endpoint.ID)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// doMarks looks for foreign rules that could make a flow pass for judged.
func (a *Agent) doMarks(context.Context) error {
	writers, err := a.node.MarkWriters()
	if err != nil {
		return err
	}
	var forging, other []string
	for _, w := range writers {
		if w.Kind == nft.Forges {
			forging = append(forging, w.String())
		} else {
			other = append(other, w.String())
		}
	}
	if !slices.Equal(forging, a.writers) && len(forging) > 0 {
		a.log.Warn("foreign rules write the marks that say \"judged\"", "rules", forging)
	}
	if !slices.Equal(other, a.disturbers) && len(other) > 0 {
		a.log.Warn("foreign rules clear our marks or leave packets untracked", "rules", other)
	}
	a.writers, a.disturbers = forging, other
	return nil
}

// took notes what a change came to. Whatever it was made for, it may have found that the kernel did
// not hold what it was left with.
func (a *Agent) took(r node.Report, err error) {
	if err != nil {
		return
	}
	a.tellAccount(r)
	if r.Generation == 0 {
		return
	}
	if r.Rebuilt != "" {
		a.repairs++
		a.lastRepair = time.Now().UTC().Format(time.RFC3339) + ": " + r.Rebuilt
		a.metrics.repairs.Inc()
		a.log.Warn("rules were not what they should be, and are again", "found", r.Rebuilt,
			"generation", r.Generation)
	}
	if r.Changed {
		a.metrics.changed(r.Operations, r.Flipped)
		a.log.Debug("kernel follows", "generation", r.Generation, "operations", r.Operations,
			"flipped", r.Flipped)
	}
	a.report = r
}

// kernelChanged is somebody else's change of the kernel's rules.
func (a *Agent) kernelChanged(e nft.Event) {
	now := time.Now()
	if e.Foreign || e.Overrun {
		a.marks.wake(now)
	}
	if len(e.Families) > 0 || e.Overrun {
		a.resync.wake(now)
	}
}
