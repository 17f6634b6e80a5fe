// SPDX-License-Identifier: Apache-2.0

// Command bulkheadctl is the administrator's hand on a node: it checks policy files, applies
// the policy directory, explains what happens to a flow, shows rules and endpoints, and
// uninstalls. See docs/bulkheadctl.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/ctl"
)

func main() {
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	streams := cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	return ctl.Program(ctl.Environment{Live: ctl.AskAccounts}).Run(ctx, os.Args[1:], streams)
}
