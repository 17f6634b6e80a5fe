// SPDX-License-Identifier: Apache-2.0

// Command demo shows Bulkhead at work on a network of its own. It attaches six containers to a
// bridged and a routed network through libcni and the CNI project's plugins, with ours last,
// and compares what gets through with what the policies say. The node has an agent, which is killed
// on the way; with -daemonless it has none, and every change is somebody's command.
//
//	demo ── builds the programs ──► stage: fresh network, mount and process namespaces
//	                                  ├── bulkheadd agent     (the stage's own network)
//	                                  ├── workload host       (the same)
//	                                  ├── workload web        ┐
//	                                  ├── workload api, db,   ├ each in a network namespace
//	                                  │   intruder, monitor,  │
//	                                  └── workload backup     ┘
//
// The machine's own network is never touched: everything happens on the stage, which ends with
// its process, whatever ends that.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// options are the command line's.
type options struct {
	hold       bool
	build      bool
	daemonless bool
}

// The roles in which the demo starts itself.
const (
	stageRole    = "stage"
	workloadRole = "workload"
)

func main() {
	os.Exit(run(os.Args))
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case len(args) > 2 && args[1] == stageRole:
		err = runStage(ctx, args[2], options{hold: slices.Contains(args[3:], "hold"),
			daemonless: slices.Contains(args[3:], "daemonless")})
	case len(args) == 3 && args[1] == workloadRole:
		err = runWorkload(args[2])
	default:
		return runOuter(ctx, args)
	}
	return report(err)
}

func runOuter(ctx context.Context, args []string) int {
	var o options
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.BoolVar(&o.hold, "hold", false, "leave it standing until Enter or SIGTERM")
	flags.BoolVar(&o.daemonless, "daemonless", false, "without an agent")
	flags.BoolVar(&o.build, "build", false, "build what the demo needs, and stop")
	if err := flags.Parse(args[1:]); err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "demo: unexpected argument %q\n", flags.Arg(0))
		return 2
	}
	return report(outer(ctx, o))
}

func report(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "demo:", err)
	return 1
}

// outer prepares what needs the machine's own network, and starts the stage.
func outer(ctx context.Context, o options) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("network namespaces need root")
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	if err := build(ctx, root); err != nil || o.build {
		return err
	}
	if err := prepareKernel(ctx); err != nil {
		return err
	}
	return startStage(ctx, root, o)
}
