// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/nft"
)

// Options say what is kept account of, and where.
type Options struct {
	// Dir holds the journal's files, and the directories spool and policies. One process at a time
	// uses it: the holder of the node's lock.
	Dir string
	// NetNS is a file descriptor of the network namespace that holds the rules; 0 for the
	// caller's.
	NetNS int
	// Node is the host's name; Boot changes when it starts again.
	Node, Boot string
	// Interval is the time between two readings of the kernel's numbers; 10 s if zero.
	Interval time.Duration
	// JournalFile and JournalTotal bound the journal in bytes, JournalAge in time; zero is the
	// journal's own default, and for ever. SpoolTotal bounds the spool in bytes.
	JournalFile, JournalTotal int64
	JournalAge                time.Duration
	SpoolTotal                int64
	// Totals reads the kernel's numbers, and Counters the counters alone. Both may be called beside
	// everything else.
	Totals   func(context.Context) (nft.Totals, error)
	Counters func(context.Context) (map[nft.CounterKey]nft.Count, error)
	// Counted is called after each reading with the counters that were read. It must not wait.
	Counted func(map[nft.CounterKey]nft.Count)
	// Limits bound the memory; flow.DefaultLimits if zero.
	Limits flow.Limits
	// Log is where a part that fails, or works again, is told.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Interval == 0 {
		o.Interval = 10 * time.Second
	}
	if o.Limits == (flow.Limits{}) {
		o.Limits = flow.DefaultLimits()
	}
	if o.Counted == nil {
		o.Counted = func(map[nft.CounterKey]nft.Count) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) spoolDir() string    { return filepath.Join(o.Dir, "spool") }
func (o Options) policiesDir() string { return filepath.Join(o.Dir, "policies") }
func (o Options) stateFile() string   { return filepath.Join(o.Dir, "state") }
