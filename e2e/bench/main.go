// SPDX-License-Identifier: Apache-2.0

// Command bench measures what Bulkhead costs, in namespaces of its own, as ratios to floors
// that are measured in the same run. See docs/performance.md for the method.
//
//	bench ── builds the programs ──► stage: fresh network and mount namespaces
//	                                   ├── data plane: a ─ host ─ b, once for each variant
//	                                   └── control plane: nodes, plugin, conntrack, memory
//
// It prints a table and, with -json, writes the same figures to a file. The exit status is 1
// if a goal was missed.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are the command line's.
type options struct {
	rounds, sweeps int
	json           string
	only           string
	profile        string
	bin            string // where the stage finds the built programs
	flood          time.Duration
}

// The roles in which the bench starts itself; outerRole is that of the command line.
const (
	stageRole = "stage"
	loadRole  = "load"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	role := ""
	if len(args) > 0 && (args[0] == stageRole || args[0] == loadRole) {
		role, args = args[0], args[1:]
	}
	o, ok := parse(args)
	if !ok {
		return 2
	}
	missed, err := false, error(nil)
	switch role {
	case stageRole:
		missed, err = play(ctx, o)
	case loadRole:
		err = loadChild(ctx)
	default:
		err = outer(ctx, o, args)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if err != nil || missed {
		return 1
	}
	return 0
}

func parse(args []string) (options, bool) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 5, "times that the data plane is built anew")
	flags.IntVar(&o.sweeps, "sweeps", 8, "times that every variant is measured in a round")
	flags.StringVar(&o.json, "json", "", "write the figures to this file")
	flags.StringVar(&o.only, "only", "", "parts to run, by name and comma: "+partNames())
	flags.StringVar(&o.profile, "profile", "", "write a CPU profile of the control plane")
	flags.DurationVar(&o.flood, "flood", 30*time.Second, "how long each flood of denials lasts")
	flags.StringVar(&o.bin, "bin", "", "directory of the built programs (set by the bench)")
	if err := flags.Parse(args); err != nil {
		return o, false
	}
	if flags.NArg() > 0 || o.rounds < 1 || o.sweeps < 1 || o.flood < time.Second {
		fmt.Fprintln(os.Stderr, "bench: want flags only, at least one round and sweep, and floods "+
			"of a second")
		return o, false
	}
	return o, true
}

// play runs the parts inside the stage.
func play(ctx context.Context, o options) (missed bool, err error) {
	if err := mountStage(); err != nil {
		return false, err
	}
	r := newResults(o)
	for _, p := range parts {
		if !wanted(o.only, p.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s ...\n", p.name)
		if err := r.part(ctx, o, p); err != nil {
			return false, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	r.print(os.Stdout)
	if o.json != "" {
		data, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return false, err
		}
		if err := os.WriteFile(o.json, append(data, '\n'), 0o644); err != nil {
			return false, err
		}
	}
	return r.missed(), nil
}
