// SPDX-License-Identifier: Apache-2.0

// Command bulkhead is the CNI plugin: the last one of a network's list, it makes the node
// enforce the policy directory on the interface that the others made. See docs/plugin.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/plugin"
)

func main() {
	// A runtime that died must not kill the plugin half-way, by a line of its log or by the
	// result: what nobody gets is undone.
	signal.Ignore(syscall.SIGPIPE)
	// The process lives for tens of milliseconds: collecting its garbage four times less often
	// costs some MiB and saves a container some of its wait.
	debug.SetGCPercent(400)
	os.Exit(plugin.Plugin{
		OpenNode: func(ctx context.Context, s plugin.Settings) (plugin.Node, error) {
			return openNode(ctx, s)
		},
		FindOwner:    findOwner,
		OpenReadOnly: openReadOnly,
		CallAgent:    agentapi.Call,
		OpenLinks:    func() (plugin.Links, error) { return link.Open(link.Options{}) },
		Preview:      preview,
		Probe:        probe,
	}.Run(plugin.Streams{
		Getenv: os.Getenv,
		Stdin:  os.Stdin,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
	}))
}
