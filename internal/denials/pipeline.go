// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/journal"
	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/nflog"
	"github.com/bulkhead-net/bulkhead/internal/spool"
)

// Pipeline keeps account of what one node refuses.
type Pipeline struct {
	options Options
	agent   string // names this run in records
	links   *link.Conn
	journal *journal.Journal
	spool   *spooler
	keeper  keeper

	log, kernel, state part

	// mu guards the book, and what numbers records. It is held for as long as a round computes,
	// which is a fraction of a second even with full sets; the log waits in its socket meanwhile.
	mu       sync.Mutex
	book     *book
	ids      identities
	sequence uint64
	resumed  saved // what the last run left, until the first generation is known

	news   news
	canary canary
	sums   sums
	// group is the NFLOG group of the rules, and regroup wakes the reader when it has changed.
	group   atomic.Uint32
	regroup chan struct{}
	early   chan struct{} // has room for one; asks for a round before its time
	begun   chan struct{} // closed when the first generation is known
	once    sync.Once

	read struct { // what the log has handed over
		sync.Mutex
		messages, foreign uint64
		loss              nflog.Loss
		buffer            int
		tuples            bool
	}
}

// Open takes up what a former run has left in the directory. What is wrong with the directory is
// no error: it stands in Status, and is tried again.
func Open(o Options) (*Pipeline, error) {
	o = o.withDefaults()
	p := &Pipeline{options: o, regroup: make(chan struct{}, 1),
		early: make(chan struct{}, 1), begun: make(chan struct{}),
		log: part{name: "log", log: o.Log}, kernel: part{name: "kernel", log: o.Log},
		state: part{name: "state", log: o.Log}, canary: canary{part: part{name: "canary", log: o.Log}}}
	now := time.Now()
	p.agent = p.ids.next(now)
	var err error
	if p.links, err = link.Open(link.Options{NetNS: o.NetNS}); err != nil {
		return nil, fmt.Errorf("denials: %w", err)
	}
	p.journal, err = journal.Open(journal.Options{Dir: o.Dir, FileBytes: o.JournalFile,
		TotalBytes: o.JournalTotal, MaxAge: o.JournalAge, Now: time.Now})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("denials: %w", err), p.links.Close())
	}
	s, err := spool.Open(spool.Options{Dir: o.spoolDir(), MaxBytes: o.SpoolTotal})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("denials: %w", err), p.journal.Close(context.Background()),
			p.links.Close())
	}
	p.spool = newSpooler(s)
	p.keeper = newKeeper(o.policiesDir(), o.Log)
	p.load(now)
	return p, nil
}

// firstGeneration is how long to wait for the policies in force before packets are told without.
const firstGeneration = 5 * time.Second

// Run keeps account until ctx ends, and closes the pipeline.
func (p *Pipeline) Run(ctx context.Context) {
	select {
	case <-p.begun:
	case <-time.After(firstGeneration):
	case <-ctx.Done():
	}
	p.begin()
	var work sync.WaitGroup
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	work.Go(func() { p.spool.run(reading) })
	work.Go(func() { p.keeper.run(reading) })
	work.Go(func() { p.readLog(ctx) })
	work.Go(func() { p.canary.run(ctx) })
	p.rounds(ctx)
	stop()
	work.Wait()
	p.close()
}

// closing bounds how long the last records may take to be written.
const closing = 5 * time.Second

func (p *Pipeline) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	err := errors.Join(p.journal.Close(ctx), p.spool.close(), p.links.Close())
	if err != nil {
		p.options.Log.Error("denials: end", "error", err)
	}
}

// hand numbers records and gives them to the sinks. It returns how many of them the journal took;
// the others are missing at the end.
func (p *Pipeline) hand(records []flow.Record) (taken int) {
	if len(records) == 0 {
		return 0
	}
	now := time.Now()
	for i := range records {
		r := &records[i]
		p.sequence++
		r.ID, r.Sequence = p.ids.next(now), p.sequence
		r.Node, r.Boot, r.Agent = p.options.Node, p.options.Boot, p.agent
	}
	taken = len(records) - p.journal.Write(records)
	p.spool.add(records[:taken])
	p.sums.add(records[:taken])
	return taken
}
