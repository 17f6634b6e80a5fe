// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"sync"
	"time"
)

// pulse tells from outside of the loop whether it moves. A netlink call that never returns cannot
// be interrupted, but must not look like health.
type pulse struct {
	mu    sync.Mutex
	doing string
	since time.Time // monotonic; zero while idle
}

// stuckAfter is how long one step may take: forty times that of a cold start of a thousand
// endpoints.
const stuckAfter = 20 * time.Second

// begin says what is being done now. The function returned ends it; what it was a part of goes on.
func (p *pulse) begin(what string) (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	outer, since := p.doing, p.since
	p.doing, p.since = what, time.Now()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.doing, p.since = outer, since
	}
}

// watchdogPause is how often the service manager hears that the loop moves; its patience must be a
// multiple of that.
const watchdogPause = 10 * time.Second

// watchdog tells the service manager that the loop moves. What does not end for long is ended by a
// restart, with the rules in force meanwhile.
func (a *Agent) watchdog(ctx context.Context) {
	for ctx.Err() == nil {
		if what, _ := a.pulse.stuck(); what == "" {
			a.options.Notify("WATCHDOG=1")
		}
		select {
		case <-ctx.Done():
		case <-time.After(watchdogPause):
		}
	}
}

// stuck names what does not end, and since when it runs.
func (p *pulse) stuck() (what string, since time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.IsZero() || time.Since(p.since) < stuckAfter {
		return "", 0
	}
	return p.doing, time.Since(p.since)
}
