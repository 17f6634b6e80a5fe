// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/denials"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

// account is the agent's side of what is kept of refused packets. Nothing of it is needed to
// enforce, and the loop waits for none of it.
type account struct {
	pipeline *denials.Pipeline
	wake     chan struct{} // has room for one

	mu   sync.Mutex
	read map[nft.CounterKey]nft.Count // what was read last, nil when it was acted upon

	// What was told last; the loop's own.
	generation uint32
	inForce    *node.InForce
}

// keepAccount begins to keep account. The function returned ends it, and is to be called while the
// node is open. An account that cannot begin is no reason not to enforce.
func (a *Agent) keepAccount(ctx context.Context) (end func()) {
	if a.options.Denials.Dir == "" {
		return func() {}
	}
	acc := &account{wake: make(chan struct{}, 1)}
	var err error
	if acc.pipeline, err = a.openAccount(acc); err != nil {
		a.log.Error("no account is kept of what is refused", "error", err)
		return func() {}
	}
	a.account = acc
	a.metrics.registry.MustRegister(acc.pipeline.Metrics())
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		acc.pipeline.Run(running)
	}()
	return func() { stop(); <-done }
}

func (a *Agent) openAccount(acc *account) (*denials.Pipeline, error) {
	o := a.options.Denials
	o.NetNS, o.Log = a.options.Node.NetNS, a.log
	o.Totals, o.Counters, o.Counted = a.node.Totals, a.node.Counters, acc.take
	var err error
	if o.Node, err = os.Hostname(); err != nil {
		return nil, err
	}
	if o.Boot, err = bootID(); err != nil {
		return nil, err
	}
	return denials.Open(o)
}

// bootFile names this start of the host.
const bootFile = "/proc/sys/kernel/random/boot_id"

func bootID() (string, error) {
	text, err := os.ReadFile(bootFile)
	return strings.TrimSpace(string(text)), err
}

// tellAccount says by what packets are judged from now on, if it is something else than before.
func (a *Agent) tellAccount(r node.Report) {
	if a.account == nil {
		return
	}
	now := time.Now()
	inForce := a.node.InForce()
	if r.Generation != a.account.generation || inForce != a.account.inForce {
		a.account.generation, a.account.inForce = r.Generation, inForce
		a.account.pipeline.Applied(denials.Change{Generation: r.Generation, Before: a.began,
			Since: now, InForce: inForce})
	}
	a.began = now
}

// take is told what was read of the counters.
func (c *account) take(read map[nft.CounterKey]nft.Count) {
	c.mu.Lock()
	c.read = read
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// counted brings a message when counters were read. Without an account it brings none.
func (c *account) counted() <-chan struct{} {
	if c == nil {
		return nil
	}
	return c.wake
}

// doCounters removes counters of groups that are gone, when they were read. What fails is tried
// again after the next reading: counters that stay do no harm, and are no reason to attach nobody.
func (a *Agent) doCounters(ctx context.Context) error {
	if a.account == nil {
		return nil
	}
	a.account.mu.Lock()
	read := a.account.read
	a.account.read = nil
	a.account.mu.Unlock()
	if read == nil {
		return nil
	}
	if err := a.forgetCounters(ctx, read); err != nil {
		a.log.Warn("counters of groups that are gone stay for now", "error", err)
	}
	return nil
}

func (a *Agent) forgetCounters(ctx context.Context, read map[nft.CounterKey]nft.Count) error {
	before, err := a.node.Retained()
	if err != nil || len(before.Counters) == 0 {
		return err
	}
	report, err := a.node.Forget(ctx, read)
	a.took(report, err)
	if err != nil || !report.Changed {
		return err
	}
	left, err := a.node.Counters(ctx)
	if err != nil {
		return err
	}
	var gone []nft.CounterKey
	for _, c := range before.Counters {
		key := nft.CounterKey{Family: c.Family, Name: c.Name}
		if _, there := left[key]; !there {
			gone = append(gone, key)
		}
	}
	a.account.pipeline.Forgotten(gone)
	return nil
}

// withDenials adds how the account stands.
func (a *Agent) withDenials(s Summary) Summary {
	if a.account != nil {
		d := a.account.pipeline.Status()
		s.Denials = &d
	}
	return s
}

var errNoAccount = errors.New("this agent keeps no account of refused packets: denials are " +
	"disabled in its configuration")

// accounts is answered beside the loop.
func (a *Agent) accounts() (any, error) {
	if a.account == nil {
		return nil, fmt.Errorf("%w: %w", agentapi.ErrInvalid, errNoAccount)
	}
	return a.account.pipeline.Accounts(), nil
}
