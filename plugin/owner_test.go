// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
)

const ownerSocket = "/run/x/agent.sock"

// newOwnedBench is a node that got an agent after three containers were attached without one.
func newOwnedBench(t *testing.T) *bench {
	b := newBench(t)
	b.ok("ADD", confWith("", bridgeResult))
	b.node.attachments = append(b.node.attachments, attachment("web2/eth0", "net1"),
		attachment("web3/eth0", "net2"))
	b.owner = ownerSocket
	return b
}

// TestOlderConfAttachesNothing: a conf that names no agent gets nobody in, be the agent alive or
// dead.
func TestOlderConfAttachesNothing(t *testing.T) {
	for _, down := range []error{nil, agentapi.ErrDown} {
		b := newOwnedBench(t)
		b.node.attachments, b.agent.errs = nil, []error{down}
		b.fails("ADD", confWith("", bridgeResult), Unavailable, ownerSocket)
		b.wantVerbs()
		b.node.none(t)
	}
}

// TestOlderConfRemoves: runtimes keep the conf of an ADD for the DEL.
func TestOlderConfRemoves(t *testing.T) {
	const gc = `"cni.dev/valid-attachments": [{"containerID": "web2", "ifname": "eth0"}]`
	for _, tc := range []struct {
		command, conf string
		verb          agentapi.Verb
	}{
		{"DEL", confWith("", ""), agentapi.VerbDetach},
		{"GC", versioned(confWith(gc, ""), "1.1.0"), agentapi.VerbCollect},
	} {
		for _, down := range []error{nil, agentapi.ErrDown, agentapi.ErrLost} {
			b := newOwnedBench(t)
			b.agent.errs = []error{down}
			b.ok(tc.command, tc.conf)
			if left := b.node.many(t, 2); left[0].ContainerID != "web2" {
				t.Errorf("%s, %v: got %v left, want web2 and web3", tc.command, down, left)
			}
			if want := map[bool]int{true: 1, false: 2}[down == nil]; b.opens != want ||
				b.agent.socket != ownerSocket {
				t.Errorf("%s, %v: got %d times opened and %q asked, want %d and the owner", tc.command,
					down, b.opens, b.agent.socket, want)
			}
			b.wantVerbs(tc.verb)
		}
		b := newOwnedBench(t)
		b.plugin.Timeout = time.Second
		b.agent.errs = []error{agentapi.ErrTimeout}
		b.fails(tc.command, tc.conf, TryAgain)
		b.node.many(t, 3)
	}
}

// TestUnknownOwner: whose a node is must be known to remove from it what others made.
func TestUnknownOwner(t *testing.T) {
	b := newOwnedBench(t)
	b.ownerErr, b.openErr = errors.New("owner: no JSON"), endpoint.ErrOwned
	b.fails("DEL", confWith("", ""), Unavailable, "owned by an agent")
	b.wantVerbs()
	b.node.many(t, 3)
}

// TestOtherAgentsConf: a socket that is stated is meant.
func TestOtherAgentsConf(t *testing.T) {
	b := newOwnedBench(t)
	b.agent.errs = []error{agentapi.ErrDown}
	b.fails("DEL", confWith(`"agentSocket": "/run/other.sock"`, ""), Unavailable, ownerSocket)
	b.node.many(t, 3)
}

// TestOlderConfChecks reads what is there, and asks no agent.
func TestOlderConfChecks(t *testing.T) {
	b := newOwnedBench(t)
	b.ok("CHECK", confWith("", bridgeResult))
	if !b.readOnly {
		t.Error("CHECK: got the node opened for a change, want for reading")
	}
	b.node.drift = errors.New("kernel: chain x is missing")
	b.fails("CHECK", confWith("", bridgeResult), NotEnforced, "chain x")
	b.node.drift, b.links.port.Bridge = nil, "br7"
	b.fails("CHECK", confWith("", bridgeResult), NotEnforced, "bridge")
	b.wantVerbs()
	b.node.many(t, 3)
}
