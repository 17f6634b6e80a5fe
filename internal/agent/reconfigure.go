// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/config"
	"github.com/bulkhead-net/bulkhead/internal/denials"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

// reconfigure reads the configuration file again. One that is wrong, or asks for what only a start
// can change, leaves everything as it is.
func (a *Agent) reconfigure(ctx context.Context) {
	if a.options.Read == nil {
		return
	}
	a.options.Notify(reloading())
	defer a.options.Notify("READY=1")
	c, err := a.options.Read()
	if err == nil {
		err = a.mayBecome(c)
	}
	if err == nil && c.HasBase {
		a.began = time.Now()
		var report node.Report
		report, err = a.node.SetConfig(ctx, c.Base)
		a.took(report, err)
	}
	if err != nil {
		a.log.Error("configuration stays as it was", "error", err)
		return
	}
	if a.options.Level != nil {
		a.options.Level.Set(c.Agent.LogLevel)
	}
	for _, t := range []*task{a.features, a.links, a.resync, a.marks} {
		t.every = c.Agent.Resync
	}
	for _, t := range a.tasks {
		t.wake(time.Now())
	}
	a.log.Info("configuration was read again")
}

// reloading is what Type=notify-reload of systemd 253 wants to hear; older ones ignore the time.
func reloading() string {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return "RELOADING=1"
	}
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", t.Nano()/int64(time.Microsecond))
}

// sameAccount compares what the configuration says.
func sameAccount(a, b denials.Options) bool {
	return a.Dir == b.Dir && a.Interval == b.Interval && a.JournalFile == b.JournalFile &&
		a.JournalTotal == b.JournalTotal && a.JournalAge == b.JournalAge &&
		a.SpoolTotal == b.SpoolTotal
}

// mayBecome refuses what is settled when an agent starts.
func (a *Agent) mayBecome(all config.Config) error {
	var errs []error
	c := all.Agent
	for _, v := range []struct{ name, now, then string }{
		{"stateDir", a.options.Node.StateDir, c.StateDir},
		{"policyDir", a.options.Node.PolicyDir, c.PolicyDir},
		{"metrics", a.options.Metrics, c.Metrics},
		{"socket", a.options.Socket, cmp.Or(c.Socket, a.options.Socket)},
	} {
		if v.now != v.then {
			errs = append(errs, fmt.Errorf("%s: is %s, found %s; restart the agent to change it",
				v.name, v.now, v.then))
		}
	}
	if !sameAccount(a.options.Denials, denialsOf(all.Denials)) {
		errs = append(errs, errors.New("denials: found other values; restart the agent to change them"))
	}
	return errors.Join(errs...)
}
