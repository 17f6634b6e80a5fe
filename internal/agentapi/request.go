// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
)

// Version is that of requests and replies. Another one is answered with an error that names it.
const Version = 1

// Verb says what is asked for.
type Verb string

// The verbs. Each takes the payload of its name in a Request, or none, and is answered with the
// result that is named here.
const (
	// VerbAttach registers an attachment and is answered when its rules are in the kernel, with
	// Attached. After an error nothing of it is left.
	VerbAttach Verb = "attach"
	// VerbDetach forgets an interface of a container. One that nobody knows is no error.
	VerbDetach Verb = "detach"
	// VerbCollect forgets the interfaces of a network that are not listed.
	VerbCollect Verb = "collect"
	// VerbCheck compares an interface with what was attached and with the kernel: Checked.
	VerbCheck Verb = "check"
	// VerbReady asks whether attach can be served: Ready.
	VerbReady Verb = "ready"
	// VerbStatus, VerbEndpoints and VerbPolicies tell what the agent knows, in the form that
	// bulkheadctl prints.
	VerbStatus    Verb = "status"
	VerbEndpoints Verb = "endpoints"
	VerbPolicies  Verb = "policies"
	// VerbDenials tells how the account of refused packets stands, counter by counter. An agent
	// that keeps none answers with an error.
	VerbDenials Verb = "denials"
	// VerbApply makes the kernel follow the policy directory now.
	VerbApply Verb = "apply"
	// VerbQuarantine cuts an endpoint off, and VerbRelease ends that.
	VerbQuarantine Verb = "quarantine"
	VerbRelease    Verb = "release"
	// VerbLabel changes labels of an endpoint that runs.
	VerbLabel Verb = "label"
)

// Request is one call. The payload of its verb is set and no other.
type Request struct {
	Version int  `json:"version"`
	Verb    Verb `json:"verb"`
	// TimeLeft is how long the requester waits, in milliseconds from now. It bounds the context of
	// the handler. Call sets it, and the version.
	TimeLeft int64 `json:"timeLeft"`

	Attach     *endpoint.Attachment `json:"attach,omitempty"`
	Detach     *Interface           `json:"detach,omitempty"`
	Collect    *Collect             `json:"collect,omitempty"`
	Check      *Interface           `json:"check,omitempty"`
	Quarantine *Quarantine          `json:"quarantine,omitempty"`
	Release    *Release             `json:"release,omitempty"`
	Label      *Label               `json:"label,omitempty"`
}

// Interface is what a runtime knows an attachment by.
type Interface struct {
	ContainerID string `json:"containerID"`
	Interface   string `json:"interface"`
}

// ID is the endpoint's.
func (i Interface) ID() string { return endpoint.ID(i.ContainerID, i.Interface) }

// Collect names what of a CNI network is still there. An empty list means nothing; one that is
// missing is an error.
type Collect struct {
	Network string      `json:"network"`
	Valid   []Interface `json:"valid"`
}

// Quarantine cuts the endpoint with an id off, but for connections from some blocks.
type Quarantine struct {
	Endpoint  string         `json:"endpoint"`
	AllowFrom []netip.Prefix `json:"allowFrom,omitempty"`
	// Reason is what is told about it; empty means endpoint.QuarantineRequested.
	Reason string `json:"reason,omitempty"`
}

// Release ends the quarantine of the endpoint with an id.
type Release struct {
	Endpoint string `json:"endpoint"`
}

// Label changes labels of the endpoint with an id. No label is both set and removed.
type Label struct {
	Endpoint string            `json:"endpoint"`
	Set      map[string]string `json:"set,omitempty"`
	Remove   []string          `json:"remove,omitempty"`
}

// ErrInvalid marks a request that means nothing.
var ErrInvalid = errors.New("invalid request")

// encode returns the text of a request that leaves the given time.
func (r Request) encode(left time.Duration) ([]byte, error) {
	r.Version, r.TimeLeft = Version, max(left.Milliseconds(), 1)
	if err := r.validate(); err != nil {
		return nil, err
	}
	return json.Marshal(r)
}

// decodeRequest reads a request. The version comes first: what another one means by its fields is
// not known here.
func decodeRequest(text []byte) (Request, error) {
	var r Request
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return r, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if head.Version != Version {
		return r, fmt.Errorf("%w: version: found %d, accepted %d", ErrInvalid, head.Version, Version)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return r, r.validate()
}
