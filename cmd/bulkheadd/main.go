// SPDX-License-Identifier: Apache-2.0

// Command bulkheadd is a node's daemon: base closes what containers will use before any exists,
// agent keeps the rules equal to the policies, install puts the CNI plugin where runtimes look for
// it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/bulkhead-net/bulkhead/internal/agent"
	"github.com/bulkhead-net/bulkhead/internal/base"
	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/install"
)

func main() {
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	program := cli.Program{
		Name:     "bulkheadd",
		Summary:  "segment this node",
		Commands: []cli.Command{base.Command(0), agent.Command(0), install.Command()},
	}
	streams := cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	return program.Run(ctx, os.Args[1:], streams)
}
