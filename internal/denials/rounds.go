// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/nft"
)

// earliest is the least time between two rounds, however often the rules change: a sample that is
// on its way arrives meanwhile.
const earliest = time.Second

// rounds reads the kernel's numbers again and again until ctx ends, and a last time then.
func (p *Pipeline) rounds(ctx context.Context) {
	p.round(ctx) // tells what happened before
	ticks := time.NewTicker(p.options.Interval)
	defer ticks.Stop()
	for last := time.Now(); ; {
		select {
		case <-ticks.C:
			p.round(ctx)
			last = time.Now()
		case <-p.early:
			if time.Since(last) >= earliest {
				p.round(ctx)
				last = time.Now()
			}
		case <-ctx.Done():
			time.Sleep(lastSamples) // what the reader still gets belongs to this window
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
			defer cancel()
			p.round(ending)
			return
		}
	}
}

// round closes the window. The counters are read before the per-flow sets and after them: whatever
// a flow tells is in its counter then, and what was counted before and no flow tells is missing.
func (p *Pipeline) round(ctx context.Context) {
	// Before the reading: a counter that went after it is taken for new by the next one.
	forgotten := p.news.takeForgotten()
	totals, before, err := p.readKernel(ctx)
	p.kernel.set(err)
	if err != nil {
		p.Forgotten(forgotten) // for the reading that succeeds
	}
	s := p.closeBook(time.Now(), totals, before, forgotten, err)
	p.journal.Write(nil) // files that are too old go
	// What was told is to be in the journal before the state says so.
	p.state.set(p.saveAfterJournal(ctx, s))
	if err == nil {
		p.options.Counted(totals.Counters)
	}
}

// saveAfterJournal waits for a slow disk only so long: an older state is as true.
func (p *Pipeline) saveAfterJournal(ctx context.Context, s saved) error {
	wait, cancel := context.WithTimeout(ctx, closing)
	defer cancel()
	if err := p.journal.Flush(wait); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return p.save(s)
}

type counts = map[nft.CounterKey]nft.Count

func (p *Pipeline) readKernel(ctx context.Context) (nft.Totals, counts, error) {
	before, err := p.options.Counters(ctx)
	if err != nil {
		return nft.Totals{}, nil, err
	}
	totals, err := p.options.Totals(ctx)
	return totals, before, err
}

func (p *Pipeline) closeBook(now time.Time, t nft.Totals, before counts,
	forgotten []nft.CounterKey, err error) saved {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.takeIn()
	p.book.history.Forget(now)
	if err != nil {
		p.book.closeWindow(now, p.hand)
	} else {
		p.book.anew(t.Tables, forgotten)
		p.book.close(now, t, before, p.hand)
	}
	return p.leave(now)
}
