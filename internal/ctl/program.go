// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

// Environment is where the commands work. The zero value is the machine itself.
type Environment struct {
	// NetNS is a descriptor of the network namespace that holds the rules; 0 for the caller's.
	NetNS int
	// AgentTime is how long an answer of the node's agent is waited for; if zero, half a minute by
	// commands that change something and some seconds by those that only tell.
	AgentTime time.Duration
	// Live asks the agent at a socket for its accounts of denials; nil where no agent tells them.
	Live func(ctx context.Context, socket string) (LiveLedger, error)
}

// Program is bulkheadctl.
func Program(e Environment) cli.Program {
	return cli.Program{
		Name:    "bulkheadctl",
		Summary: "ask and tell this node's segmentation",
		Commands: []cli.Command{
			{Name: "status", New: e.status,
				Summary: "say whether this node is as it should be"},
			{Name: "check", Arguments: "FILE...", New: e.check,
				Summary: "validate and lint policy files; - is standard input"},
			{Name: "apply", New: e.apply,
				Summary: "make the kernel follow the policy directory now"},
			{Name: "explain", Arguments: "FROM TO PORT/PROTO", New: e.explain,
				Summary: "say what happens to a flow, or happened to a denied one, and why"},
			{Name: "denials", New: e.denials,
				Summary: "list what was refused, by which policy, and what was lost of it"},
			{Name: "suggest", Arguments: "ID", New: e.suggest,
				Summary: "print the smallest policy that would allow what was refused"},
			{Name: "render", New: e.render,
				Summary: "print the ruleset that the kernel should hold"},
			{Name: "policies", New: e.policies,
				Summary: "list the policy documents and what has become of each"},
			{Name: "endpoints", New: e.endpoints,
				Summary: "list this node's endpoints and whether they are enforced"},
			{Name: "quarantine", Arguments: "ENDPOINT", New: e.quarantine,
				Summary: "cut an endpoint off, whatever the policies say"},
			{Name: "release", Arguments: "ENDPOINT", New: e.release,
				Summary: "end an endpoint's quarantine"},
			{Name: "label", Arguments: "ENDPOINT KEY=VALUE... KEY-...", New: e.label,
				Summary: "set and remove labels of an endpoint that runs"},
			{Name: "uninstall", New: e.uninstall,
				Summary: "remove every trace of Bulkhead from the kernel"},
		},
	}
}

// places declares the flags that say where the node keeps its things.
func (e Environment) places(f *cli.Flags) *node.Options {
	o := &node.Options{NetNS: e.NetNS}
	f.StringVar(&o.StateDir, "state-dir", node.DefaultStateDir, "state `directory`")
	f.StringVar(&o.PolicyDir, "policy-dir", node.DefaultPolicyDir, "policy `directory`")
	return o
}

// nothingMore refuses arguments of a command that takes none.
func nothingMore(arguments []string) error {
	if len(arguments) > 0 {
		return cli.Usagef("unexpected argument %q", arguments[0])
	}
	return nil
}
