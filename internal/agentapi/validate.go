// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
)

// payload is the part of a request that is of one verb.
type payload interface {
	validate() error
}

// payloads are the parts that are set, by their verbs.
func (r Request) payloads() map[Verb]payload {
	set := map[Verb]payload{}
	if r.Attach != nil {
		set[VerbAttach] = (*attachment)(r.Attach)
	}
	if r.Detach != nil {
		set[VerbDetach] = r.Detach
	}
	if r.Collect != nil {
		set[VerbCollect] = r.Collect
	}
	if r.Check != nil {
		set[VerbCheck] = r.Check
	}
	if r.Quarantine != nil {
		set[VerbQuarantine] = r.Quarantine
	}
	if r.Release != nil {
		set[VerbRelease] = r.Release
	}
	if r.Label != nil {
		set[VerbLabel] = r.Label
	}
	return set
}

// takes says which verbs there are, and whether they have a payload.
var takes = map[Verb]bool{
	VerbAttach: true, VerbDetach: true, VerbCollect: true, VerbCheck: true, VerbReady: false,
	VerbStatus: false, VerbEndpoints: false, VerbPolicies: false, VerbDenials: false,
	VerbApply: false, VerbQuarantine: true, VerbRelease: true, VerbLabel: true,
}

// validate reports why a request means nothing. The error is ErrInvalid.
func (r Request) validate() error {
	wanted, known := takes[r.Verb]
	if !known {
		return fmt.Errorf("%w: verb: found %.40q, accepted %q", ErrInvalid, r.Verb,
			slices.Sorted(maps.Keys(takes)))
	}
	if r.TimeLeft <= 0 {
		return fmt.Errorf("%w: timeLeft: found %d, accepted milliseconds", ErrInvalid, r.TimeLeft)
	}
	set := r.payloads()
	own := set[r.Verb]
	if own == nil && wanted {
		return fmt.Errorf("%w: %s: missing", ErrInvalid, r.Verb)
	}
	delete(set, r.Verb)
	for _, other := range slices.Sorted(maps.Keys(set)) {
		return fmt.Errorf("%w: %s: found in a request to %s", ErrInvalid, other, r.Verb)
	}
	if own == nil {
		return nil
	}
	if err := own.validate(); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrInvalid, r.Verb, err)
	}
	return nil
}

// attachment is an endpoint.Attachment as a payload.
type attachment endpoint.Attachment

func (a *attachment) validate() error { return endpoint.Attachment(*a).Validate() }

func (i *Interface) validate() error {
	if i.ContainerID == "" || i.Interface == "" {
		return errors.New("found an empty name, accepted containerID and interface")
	}
	return nil
}

// validate refuses what would be taken for "none is valid".
func (c *Collect) validate() error {
	if c.Network == "" {
		return errors.New("network: missing")
	}
	if c.Valid == nil {
		return errors.New("valid: missing")
	}
	for i := range c.Valid {
		if err := c.Valid[i].validate(); err != nil {
			return fmt.Errorf("valid[%d]: %w", i, err)
		}
	}
	return nil
}

func (q *Quarantine) validate() error {
	for i, p := range q.AllowFrom {
		if !p.IsValid() || p != p.Masked() {
			return fmt.Errorf("allowFrom[%d]: found %q, accepted an address block", i, p)
		}
	}
	return named(q.Endpoint)
}

func (r *Release) validate() error { return named(r.Endpoint) }

func (l *Label) validate() error {
	for _, key := range l.Remove {
		if _, both := l.Set[key]; both {
			return fmt.Errorf("label %.100q is both set and removed", key)
		}
	}
	if len(l.Set)+len(l.Remove) == 0 {
		return errors.New("nothing to set or to remove")
	}
	return named(l.Endpoint)
}

func named(id string) error {
	if id == "" {
		return errors.New("endpoint: missing")
	}
	return nil
}
