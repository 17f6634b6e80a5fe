// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/policy"
)

// verbs are what the loop answers. Each is asked with the payload of its name in place.
var verbs = map[agentapi.Verb]func(*Agent, context.Context, agentapi.Request) (any, error){
	agentapi.VerbAttach:     (*Agent).attach,
	agentapi.VerbDetach:     (*Agent).detach,
	agentapi.VerbCollect:    (*Agent).collect,
	agentapi.VerbCheck:      (*Agent).check,
	agentapi.VerbEndpoints:  (*Agent).endpoints,
	agentapi.VerbPolicies:   (*Agent).policyStates,
	agentapi.VerbApply:      (*Agent).apply,
	agentapi.VerbQuarantine: (*Agent).quarantine,
	agentapi.VerbRelease:    (*Agent).release,
	agentapi.VerbLabel:      (*Agent).label,
}

func (a *Agent) answer(ctx context.Context, r agentapi.Request) (any, error) {
	return verbs[r.Verb](a, ctx, r)
}

func (a *Agent) attach(ctx context.Context, r agentapi.Request) (any, error) {
	a.catchUp(ctx)
	report, err := a.node.Attach(ctx, *r.Attach)
	if err != nil && a.node.PolicyError() != nil {
		err = fmt.Errorf("%w: %w", agentapi.ErrNotReady, err)
	}
	a.took(report, err)
	if err != nil {
		return nil, err
	}
	// What the link task last saw is older than this endpoint.
	delete(a.notEnforced, r.Attach.Endpoint.ID)
	return agentapi.Attached{Notes: a.node.Notes()}, nil
}

func (a *Agent) detach(ctx context.Context, r agentapi.Request) (any, error) {
	id := r.Detach.ID()
	return nil, a.forget(ctx, func(at endpoint.Attachment) bool { return at.Endpoint.ID == id })
}

func (a *Agent) collect(ctx context.Context, r agentapi.Request) (any, error) {
	valid := map[string]bool{}
	for _, i := range r.Collect.Valid {
		valid[i.ID()] = true
	}
	return nil, a.forget(ctx, func(at endpoint.Attachment) bool {
		return at.NetworkName == r.Collect.Network && !valid[at.Endpoint.ID]
	})
}

func (a *Agent) forget(ctx context.Context, match func(endpoint.Attachment) bool) error {
	report, err := a.node.Detach(ctx, match)
	a.took(report, err)
	left := map[string]bool{}
	for _, at := range a.node.Attachments() {
		left[at.Endpoint.ID] = true
	}
	maps.DeleteFunc(a.notEnforced, func(id, _ string) bool { return !left[id] })
	return err
}

func (a *Agent) check(ctx context.Context, r agentapi.Request) (any, error) {
	id := r.Check.ID()
	for _, at := range a.node.Attachments() {
		if at.Endpoint.ID != id {
			continue
		}
		checked := agentapi.Checked{Attachment: at}
		if err := a.node.Check(ctx, id); err != nil {
			checked.Differences = append(checked.Differences, err.Error())
		}
		return checked, nil
	}
	return nil, fmt.Errorf("%s: %w", id, endpoint.ErrUnknown)
}

func (a *Agent) policyStates(context.Context, agentapi.Request) (any, error) {
	return a.node.PolicyStates(), nil
}

// apply is what the agent does by itself, now, and waits for.
func (a *Agent) apply(ctx context.Context, _ agentapi.Request) (any, error) {
	if err := a.node.Reload(); err != nil {
		return nil, fmt.Errorf("%w: %w", agentapi.ErrNotReady, err)
	}
	report, err := a.node.Apply(ctx)
	a.took(report, err)
	if err != nil {
		return nil, err
	}
	a.links.wake(time.Now())
	return Applied{Report: report, Problems: append([]policy.Problem{}, a.node.Policies().Problems...),
		NotEnforced: a.node.Unenforced(), Notes: append([]string{}, a.node.Notes()...)}, nil
}

func (a *Agent) quarantine(ctx context.Context, r agentapi.Request) (any, error) {
	report, err := a.node.Quarantine(ctx, r.Quarantine.Endpoint, r.Quarantine.AllowFrom,
		endpoint.QuarantineRequested)
	return a.changed("quarantined", r.Quarantine.Endpoint, report, err)
}

func (a *Agent) release(ctx context.Context, r agentapi.Request) (any, error) {
	report, err := a.node.Release(ctx, r.Release.Endpoint)
	return a.changed("released", r.Release.Endpoint, report, err)
}

func (a *Agent) label(ctx context.Context, r agentapi.Request) (any, error) {
	for _, key := range slices.Sorted(maps.Keys(r.Label.Set)) {
		if err := policy.CheckLabel(key, r.Label.Set[key]); err != nil {
			return nil, fmt.Errorf("%w: label %.100q: %w", agentapi.ErrInvalid, key, err)
		}
	}
	report, err := a.node.Label(ctx, r.Label.Endpoint, r.Label.Set, r.Label.Remove)
	return a.changed("labelled", r.Label.Endpoint, report, err)
}
