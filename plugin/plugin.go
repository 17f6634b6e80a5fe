// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/link"
)

// Versions are the versions of the CNI specification that confs may state, the oldest first.
var Versions = []string{"0.3.1", "0.4.0", "1.0.0", "1.1.0"}

// DefaultTimeout bounds a verb, waiting for other calls included. Runtimes give up after one
// to four minutes; a call that outlives its caller would hold the node's lock for nobody.
const DefaultTimeout = 30 * time.Second

// cleanupTime is the part of the timeout that is kept for undoing a verb that ran out of it.
const cleanupTime = 5 * time.Second

// Settings say where a conf wants the node's state; an empty path is the node's default.
type Settings struct {
	StateDir  string
	PolicyDir string
	// AgentSocket is where the node's agent answers; empty for a node without one.
	AgentSocket string
}

// Enforcer makes the kernel follow a change of the node's attachments. Each method may be
// called again after any failure.
type Enforcer interface {
	// Attach registers an attachment, in place of any older one of the same id, and returns
	// when the rules of its endpoint are in the kernel, with what else is wrong on the node.
	// After an error nothing of the attachment is left.
	Attach(context.Context, endpoint.Attachment) (notes []string, err error)
	// Detach removes every attachment that matches, with all that the kernel has of it.
	Detach(ctx context.Context, match func(endpoint.Attachment) bool) error
	// Check says what differs between the kernel and the rules of the endpoint with that id.
	Check(ctx context.Context, id string) error
}

// Node is an Enforcer that holds the node's lock until it is closed.
type Node interface {
	Enforcer
	// Attachments are those that are registered now.
	Attachments() []endpoint.Attachment
	Close() error
}

// Links is what the host's kernel says about network links; link.Conn has it.
type Links interface {
	FindPort(netns, ifname string) (link.Port, error)
	SetIsolated(port string, on bool) error
}

// Plugin answers CNI calls.
type Plugin struct {
	// OpenNode waits for the node's lock until ctx ends. With an AgentSocket it is called while
	// that agent is down, in its place; without one the error is endpoint.ErrOwned on a node that
	// has an agent.
	OpenNode func(context.Context, Settings) (Node, error)
	// FindOwner returns the socket of the agent that owns the node, empty if none does.
	FindOwner func(Settings) (socket string, err error)
	// OpenReadOnly opens the node without its lock, for Attachments and Check alone.
	OpenReadOnly func(context.Context, Settings) (Node, error)
	// CallAgent asks the agent behind a socket; agentapi.Call does.
	CallAgent func(ctx context.Context, socket string, r agentapi.Request) (agentapi.Reply, error)
	// OpenLinks is called at most once a call; what it opens ends with the process.
	OpenLinks func() (Links, error)
	// Preview describes what Attach would change, without a change.
	Preview func(context.Context, Settings, endpoint.Attachment) (string, error)
	// Probe says what is missing for an ADD, and whether containers are closed by that. With an
	// AgentSocket it is called while that agent is down, and takes no lock.
	Probe func(context.Context, Settings) (missing []string, closed bool)
	// Timeout bounds a verb; 0 means DefaultTimeout.
	Timeout time.Duration
}
