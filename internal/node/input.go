// SPDX-License-Identifier: Apache-2.0

package node

import (
	"net"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// Input is what the node's ruleset is compiled from.
func (n *Node) Input() compile.Input {
	in := compile.Input{Policies: n.set, Config: n.config}
	for i := range n.attachments {
		a := &n.attachments[i]
		in.Endpoints = append(in.Endpoints, compile.Endpoint{Endpoint: &a.Endpoint, Local: local(a)})
	}
	return in
}

func local(a *endpoint.Attachment) *compile.Local {
	l := &compile.Local{Port: a.HostInterface, Bridge: a.Bridge, Isolated: a.Isolated}
	if mac, err := net.ParseMAC(a.MAC); err == nil { // the registry refuses any other
		copy(l.MAC[:], mac)
	}
	return l
}

// desired compiles the inputs. Without endpoints and without a managed base there is nothing
// to close: the ruleset is empty and our tables go.
func (n *Node) desired() (*ruleset.Ruleset, []compile.Conflict) {
	switch {
	case n.compiled != nil:
	case len(n.attachments) == 0 && n.config.Managed.Empty():
		n.compiled = &compiled{ruleset: &ruleset.Ruleset{}}
	default:
		r, groups, conflicts := compile.CompileGroups(n.Input())
		n.compiled = &compiled{ruleset: r, groups: groups, conflicts: conflicts}
	}
	return n.compiled.ruleset, n.compiled.conflicts
}

// compiled is an answer of the compiler. Nobody changes it.
type compiled struct {
	ruleset   *ruleset.Ruleset
	groups    map[string]compile.Groups
	conflicts []compile.Conflict
}

// Desired is the ruleset that should be in the kernel, stamped as the kernel's is, with the
// counters that wait there for a reader.
func (n *Node) Desired() (*ruleset.Ruleset, error) {
	r, _ := n.desired()
	state, err := n.readKernel()
	if err != nil {
		return nil, err
	}
	m, trusted, err := n.findInstalled(state)
	if err != nil || m == nil {
		return n.config.Stamped(r, compile.Stamp{Generation: 1, Epoch: 1}), err
	}
	if trusted {
		r = m.within(r)
	}
	return n.config.Stamped(r, m.Stamp), nil
}
