// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/config"
	"github.com/bulkhead-net/bulkhead/internal/denials"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

// flags are the command line; what is empty comes from the configuration file.
type flags struct {
	config, stateDir, policyDir, socket, metrics, denials string

	release bool
}

// Command is "bulkheadd agent". netns is a descriptor of the network namespace that holds the
// rules; 0 for the caller's.
func Command(netns int) cli.Command {
	return cli.Command{
		Name:    "agent",
		Summary: "keep this node's rules equal to its policies, until told to stop",
		New: func(f *cli.Flags) cli.Action {
			var o flags
			f.StringVar(&o.config, "config", "", "configuration `file` (default "+
				config.DefaultFile+", if it exists)")
			f.StringVar(&o.stateDir, "state-dir", "", "state `directory` (default "+
				node.DefaultStateDir+")")
			f.StringVar(&o.policyDir, "policy-dir", "", "policy `directory` (default "+
				node.DefaultPolicyDir+")")
			f.StringVar(&o.socket, "socket", "", "`path` of the socket that the plugin and "+
				"bulkheadctl ask (default agent.sock in the state directory)")
			f.StringVar(&o.metrics, "metrics", "", "loopback `address` and port, unix:PATH, or off "+
				"(default "+config.DefaultAgent().Metrics+")")
			f.StringVar(&o.denials, "denials-dir", "", "`directory` of the records of what is refused "+
				"(default "+config.DefaultDenials().Directory+"), or off")
			f.BoolVar(&o.release, "release", false, "give the node back to the plugin without an "+
				"agent, and exit")
			return func(ctx context.Context, arguments []string, s cli.Streams) error {
				if len(arguments) > 0 {
					return cli.Usagef("unexpected argument %q", arguments[0])
				}
				return o.run(ctx, netns, s)
			}
		},
	}
}

func (o flags) run(ctx context.Context, netns int, s cli.Streams) error {
	c, err := o.read()
	if err != nil {
		return err
	}
	if o.release {
		return release(ctx, c.Agent, netns, s)
	}
	level := new(slog.LevelVar)
	level.Set(c.Agent.LogLevel)
	options := Options{
		Node:   node.Options{StateDir: c.Agent.StateDir, PolicyDir: c.Agent.PolicyDir, NetNS: netns},
		Socket: c.Agent.Socket, Resync: c.Agent.Resync, Metrics: c.Agent.Metrics,
		Log:    slog.New(slog.NewTextHandler(s.Err, &slog.HandlerOptions{Level: level})),
		Notify: notify, Read: o.read, Level: level, Denials: denialsOf(c.Denials),
	}
	if c.HasBase {
		options.Base = &c.Base
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	options.Hangup = hangup
	return Run(ctx, options)
}

// read is the configuration file with the flags on top.
func (o flags) read() (config.Config, error) {
	c, err := config.Load(o.config)
	if err != nil {
		return config.Config{}, err
	}
	return c, errors.Join(o.override(&c.Agent), o.overrideDenials(&c.Denials))
}

// denialsOff keeps no account of what is refused.
const denialsOff = "off"

func (o flags) overrideDenials(d *config.Denials) error {
	switch o.denials {
	case "":
	case denialsOff:
		d.Enabled = false
	default:
		if err := config.Absolute(o.denials); err != nil {
			return cli.Usagef("--denials-dir: %v, or %s", err, denialsOff)
		}
		d.Enabled, d.Directory = true, o.denials
	}
	return nil
}

// denialsOf are the options of an account as the configuration wants it; none without one.
func denialsOf(d config.Denials) denials.Options {
	if !d.Enabled {
		return denials.Options{}
	}
	const mib = 1 << 20
	return denials.Options{Dir: d.Directory, Interval: d.Interval,
		JournalFile: int64(d.JournalFileMiB) * mib, JournalTotal: int64(d.JournalMiB) * mib,
		JournalAge: d.JournalAge, SpoolTotal: int64(d.SpoolMiB) * mib}
}

// override holds what the flags say to the rules of the file.
func (o flags) override(a *config.Agent) error {
	for _, flag := range []struct {
		name, value string
		into        *string
		check       func(string) error
	}{
		{"state-dir", o.stateDir, &a.StateDir, config.Absolute},
		{"policy-dir", o.policyDir, &a.PolicyDir, config.Absolute},
		{"socket", o.socket, &a.Socket, config.Absolute},
		{"metrics", o.metrics, &a.Metrics, config.MetricsPlace},
	} {
		if flag.value == "" {
			continue
		}
		if err := flag.check(flag.value); err != nil {
			return cli.Usagef("--%s: %v", flag.name, err)
		}
		*flag.into = flag.value
	}
	return nil
}

// release ends the ownership of an agent that is gone for good. A living one keeps the lock.
func release(ctx context.Context, c config.Agent, netns int, s cli.Streams) error {
	n, err := node.Open(ctx, node.Options{StateDir: c.StateDir, PolicyDir: c.PolicyDir,
		NetNS: netns, Agent: true, LockTimeout: lockRound})
	if err != nil {
		return err
	}
	if err := errors.Join(n.Disown(), n.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.Out, "released: the plugin works without an agent from now on")
	return err
}

// notify tells systemd; under another service manager it does nothing.
func notify(state string) {
	// A manager that does not listen is no reason to stop enforcing.
	_, _ = daemon.SdNotify(false, state)
}
