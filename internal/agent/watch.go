// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"sync"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/link"
	"github.com/bulkhead-net/bulkhead/internal/nft"
)

// source is where events of one kind come from. A watch that breaks is opened again, and what may
// have been missed meanwhile is an event of its own.
type source[E any] struct {
	name   string
	open   func(context.Context) (<-chan E, error)
	broken func(E) error // why an event is the last one, nil if it is not
	missed E
	failed func(name string, err error)
}

func (a *Agent) kernelSource() source[nft.Event] {
	return source[nft.Event]{name: "nf_tables", open: a.node.WatchKernel,
		broken: func(e nft.Event) error { return e.Err }, missed: nft.Event{Overrun: true},
		failed: a.watchFailed}
}

func (a *Agent) linkSource() source[link.Event] {
	return source[link.Event]{name: "links", open: a.node.WatchLinks,
		broken: func(e link.Event) error { return e.Err }, missed: link.Event{Overrun: true},
		failed: a.watchFailed}
}

func (a *Agent) watchFailed(name string, err error) {
	a.log.Error("watch broke, will be opened again", "watch", name, "error", err)
}

// persist hands events on until ctx ends, whatever becomes of their source. The first message comes
// at once: what happened before the watch was open is not known either.
func persist[E any](ctx context.Context, running *sync.WaitGroup, s source[E]) <-chan E {
	out := make(chan E, 1)
	running.Go(func() {
		defer close(out)
		for failures := 1; ctx.Err() == nil; failures++ {
			in, err := s.open(ctx)
			if err == nil {
				send(ctx, out, s.missed)
				err = s.forward(ctx, in, out)
			}
			if ctx.Err() != nil {
				return
			}
			s.failed(s.name, err)
			select {
			case <-ctx.Done():
			case <-time.After(retryAfter(failures)):
			}
		}
	})
	return out
}

// forward hands events on until the source breaks.
func (s source[E]) forward(ctx context.Context, in <-chan E, out chan<- E) error {
	for e := range in {
		if err := s.broken(e); err != nil {
			return err
		}
		send(ctx, out, e)
	}
	return ctx.Err()
}

func send[E any](ctx context.Context, out chan<- E, e E) {
	select {
	case out <- e:
	case <-ctx.Done():
	}
}
