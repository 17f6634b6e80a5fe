// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// Event says that our tables are perhaps not what was last applied.
type Event struct {
	// Families are those of our tables that somebody else changed.
	Families []rs.Family
	// Foreign says that somebody wrote rules into tables that are not ours.
	Foreign bool
	// Overrun says that notifications were lost: anything may have changed.
	Overrun bool
	// Err says that the watch broke; it is the last event.
	Err error
}

// Watch reports changes of our tables that this Kernel did not make, and new rules elsewhere, one
// event for each foreign transaction, until ctx ends; then the channel is closed. Elements that
// packets add, and timeouts, are not reported. Events that are not fetched are merged.
func (k *Kernel) Watch(ctx context.Context) (<-chan Event, error) {
	s, err := openSocket(k.netns)
	if err != nil {
		return nil, err
	}
	if err := s.conn.JoinGroup(unix.NFNLGRP_NFTABLES); err != nil {
		s.conn.Close()
		return nil, fmt.Errorf("nf_tables notifications: %w", err)
	}
	found, out := make(chan Event), make(chan Event)
	w := &watcher{socket: s, own: k.writer.conn.PID(), found: found}
	// A deadline in the past wakes the reader. Closing is the reader's own, so that the
	// descriptor is never used after it was given to somebody else.
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetReadDeadline(time.Unix(1, 0)) })
	go func() {
		defer close(found)
		defer s.conn.Close()
		defer stop()
		w.run(ctx)
	}()
	go merge(ctx, found, out)
	return out, nil
}

// merge hands events on, and joins those that come while nobody fetches.
func merge(ctx context.Context, in <-chan Event, out chan<- Event) {
	defer close(out)
	var waiting Event
	var ready chan<- Event
	for in != nil || ready != nil {
		select {
		case e, ok := <-in:
			if !ok {
				in = nil
				continue
			}
			waiting, ready = waiting.join(e), out
		case ready <- waiting:
			waiting, ready = Event{}, nil
		case <-ctx.Done():
			return
		}
	}
}

func (e Event) join(o Event) Event {
	for _, f := range o.Families {
		e.Families = addFamily(e.Families, f)
	}
	e.Foreign = e.Foreign || o.Foreign
	e.Overrun = e.Overrun || o.Overrun
	e.Err = errors.Join(e.Err, o.Err)
	return e
}

func addFamily(fs []rs.Family, f rs.Family) []rs.Family {
	for _, have := range fs {
		if have == f {
			return fs
		}
	}
	return append(fs, f)
}

// watcher turns notifications into events.
type watcher struct {
	socket  *socket
	own     uint32 // port of the socket that our own transactions come from
	found   chan<- Event
	pending Event
}

func (w *watcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		ms, err := w.socket.receive(true)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, unix.ENOBUFS):
			// The end of the transaction may be among what was lost.
			w.emit(ctx, Event{Overrun: true})
		case err != nil:
			w.emit(ctx, Event{Err: fmt.Errorf("nf_tables notifications: %w", err)})
			return
		}
		for _, m := range ms {
			w.message(ctx, m)
		}
	}
}

// message takes one notification. The kernel ends each transaction's with its new generation.
func (w *watcher) message(ctx context.Context, m message) {
	const table = 1 // NFTA_*_TABLE, and NFTA_TABLE_NAME
	switch {
	case m.typ>>8 != unix.NFNL_SUBSYS_NFTABLES:
	case m.typ&0xff == unix.NFT_MSG_NEWGEN:
		if len(w.pending.Families) > 0 || w.pending.Foreign {
			w.emit(ctx, w.pending)
			w.pending = Event{}
		}
	case m.port == w.own:
	case isOurs(m.family(), findString(m.attrs(), table)):
		f, _ := familyOf(m.family())
		w.pending.Families = addFamily(w.pending.Families, f)
	case m.typ&0xff == unix.NFT_MSG_NEWRULE:
		w.pending.Foreign = true
	}
}

// isOurs tells whether a table is one of ours: the name alone may be somebody else's in another
// family.
func isOurs(family byte, table string) bool {
	_, known := familyOf(family)
	return known && table == rs.TableName
}

func (w *watcher) emit(ctx context.Context, e Event) {
	select {
	case w.found <- e:
	case <-ctx.Done():
	}
}
