// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/nflog"
)

// The pauses before the log is opened again.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 10 * time.Second
)

// lastSamples is how long the reader listens when it is told to go: the kernel holds a sample back
// for 20 ms.
const lastSamples = 60 * time.Millisecond

// setGroup makes the reader follow a group that has changed.
func (p *Pipeline) setGroup(group uint16) {
	if p.group.Swap(uint32(group)) == uint32(group) {
		return
	}
	select {
	case p.regroup <- struct{}{}:
	default:
	}
}

// readLog reads until ctx ends, whatever becomes of the log. Another process may hold the group:
// then nothing is sampled, and records are made of the kernel's numbers alone.
func (p *Pipeline) readLog(ctx context.Context) {
	names := &names{links: p.links}
	pause := firstRetry
	for ctx.Err() == nil {
		began := time.Now()
		err := p.readGroup(ctx, uint16(p.group.Load()), names)
		if err == nil {
			continue // another group, or the end
		}
		p.log.set(err)
		if time.Since(began) > lastRetry {
			pause = firstRetry
		}
		select {
		case <-ctx.Done():
		case <-p.regroup:
		case <-time.After(pause):
		}
		pause = min(2*pause, lastRetry)
	}
}

// readGroup reads one group until it fails, or until another one is asked for or ctx ends.
func (p *Pipeline) readGroup(ctx context.Context, group uint16, names *names) (err error) {
	r, err := nflog.Open(nflog.Options{NetNS: p.options.NetNS, Group: group})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	p.log.set(nil)
	names.refresh()
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go func() {
		select {
		case <-reading.Done():
		case <-p.regroup:
			stop()
		case <-ctx.Done():
			time.AfterFunc(lastSamples, stop)
		}
	}()
	for {
		b, err := r.Read(reading)
		if reading.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		p.take(&b, names)
		p.noteReader(r)
	}
}

// take tells of the packets of a batch.
func (p *Pipeline) take(b *nflog.Batch, names *names) {
	events := make([]flow.Event, 0, len(b.Messages))
	foreign := uint64(0)
	for i := range b.Messages {
		m := &b.Messages[i]
		ev, ours := EventOf(m, names.of)
		switch {
		case !ours:
			foreign++
		case ev.Prefix.Word == canaryWord:
			p.canary.heard(m.Payload)
		default:
			events = append(events, ev)
		}
	}
	p.read.Lock()
	p.read.messages += uint64(len(b.Messages))
	p.read.foreign += foreign
	p.read.loss.Add(b.Lost)
	p.read.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.takeIn()
	for i := range events {
		p.book.add(&events[i], p.hand)
	}
}

func (p *Pipeline) noteReader(r *nflog.Reader) {
	p.read.Lock()
	defer p.read.Unlock()
	p.read.buffer, p.read.tuples = r.Buffer(), r.HasTuples()
}
