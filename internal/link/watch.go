// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Event says that links are perhaps not what they were.
type Event struct {
	// Links are the names of those that changed, each once. A link that was renamed is there
	// by both names, one that is gone by its last.
	Links []string
	// Overrun says that notifications were lost or too many to name: anything may have changed.
	Overrun bool
	// Err says that the watch broke; it is the last event.
	Err error
}

// Watch reports changes of links, of bridges and their ports, and of addresses, whoever makes
// them, until ctx ends; then the channel is closed. Events that are not fetched are merged. It
// lasts beyond Close.
//
// Linux 6.18 tells of links that come and go, are renamed, go up or down, join or leave a
// bridge, get another hardware or IP address, and of a port's attributes (isolated,
// group_fwd_mask), whether set through netlink or sysfs. Of a bridge's own attributes, the
// br_netfilter flags among them, it tells only while the bridge is up. Of
// /proc/sys/net/bridge/bridge-nf-call-iptables and all other sysctls it never tells, nor of the
// module br_netfilter: these take a look now and then.
func (c *Conn) Watch(ctx context.Context) (<-chan Event, error) {
	w, err := c.newWatcher()
	if err != nil {
		return nil, fmt.Errorf("link notifications: %w", err)
	}
	out := make(chan Event)
	// A deadline in the past wakes the reader. Closing is the reader's own, so that the
	// descriptor is never used after it was given to somebody else.
	stop := context.AfterFunc(ctx, func() { _ = w.conn.SetReadDeadline(time.Unix(1, 0)) })
	go func() {
		defer close(w.found)
		defer w.close()
		defer stop()
		w.run(ctx)
	}()
	go merge(ctx, w.found, out)
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

// maxNames bounds what an event that nobody fetches remembers.
const maxNames = 1024

func (e Event) join(o Event) Event {
	for _, name := range o.Links {
		if !slices.Contains(e.Links, name) {
			e.Links = append(e.Links, name)
		}
	}
	e.Overrun = e.Overrun || o.Overrun || len(e.Links) > maxNames
	if e.Overrun {
		e.Links = nil
	}
	e.Err = errors.Join(e.Err, o.Err)
	return e
}

// watcher turns notifications into events.
type watcher struct {
	ns    *os.File // its own, because the Conn may be closed before
	conn  *netlink.Conn
	names map[int]string // by index
	found chan Event
}

func (c *Conn) newWatcher() (*watcher, error) {
	ns, err := openNamespace(int(c.ns.Fd()))
	if err != nil {
		return nil, err
	}
	w := &watcher{ns: ns, found: make(chan Event)}
	w.conn, err = dial(unix.NETLINK_ROUTE, int(ns.Fd()),
		unix.RTMGRP_LINK|unix.RTMGRP_IPV4_IFADDR|unix.RTMGRP_IPV6_IFADDR)
	if err != nil {
		ns.Close()
		return nil, err
	}
	// The list comes after the first possible notification, so that nothing falls between.
	if err := w.learn(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *watcher) close() {
	w.conn.Close()
	w.ns.Close()
}

// learn lists the names of all links.
func (w *watcher) learn() error {
	s := &socket{family: unix.NETLINK_ROUTE, ns: int(w.ns.Fd())}
	defer s.close()
	all, err := list(s)
	if err != nil {
		return err
	}
	w.names = map[int]string{}
	for _, a := range all {
		w.names[a.index] = a.name
	}
	return nil
}

func (w *watcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		ms, err := w.conn.Receive()
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, unix.ENOBUFS):
			w.emit(ctx, Event{Overrun: true})
			err = w.learn()
		}
		if err != nil {
			w.emit(ctx, Event{Err: fmt.Errorf("link notifications: %w", err)})
			return
		}
		var e Event
		for _, m := range ms {
			e = e.join(Event{Links: w.message(m)})
		}
		if len(e.Links) > 0 || e.Overrun {
			w.emit(ctx, e)
		}
	}
}

// message takes one notification and returns the names of the link that it is about.
func (w *watcher) message(m netlink.Message) []string {
	switch m.Header.Type {
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		if _, index := parseAddress(m.Data); w.names[index] != "" {
			return []string{w.names[index]}
		}
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		a, ok := parseLink(m.Data)
		if !ok {
			return nil
		}
		old := w.names[a.index]
		w.names[a.index] = a.name
		// A port that leaves its bridge is "deleted" too, in the bridge's own family.
		if m.Header.Type == unix.RTM_DELLINK && m.Data[0] == unix.AF_UNSPEC {
			delete(w.names, a.index)
		}
		if old != "" && old != a.name {
			return []string{old, a.name}
		}
		return []string{a.name}
	}
	return nil
}

func (w *watcher) emit(ctx context.Context, e Event) {
	select {
	case w.found <- e:
	case <-ctx.Done():
	}
}
