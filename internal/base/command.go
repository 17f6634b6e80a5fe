// SPDX-License-Identifier: Apache-2.0

package base

import (
	"context"
	"errors"
	"fmt"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/config"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

// options are the flags of the command.
type options struct {
	node   node.Options
	config *string
	// The lists add to those of the configuration file.
	interfaces, prefixes, kinds, subnets *cli.List
}

// Command is "bulkheadd base". netns is a descriptor of the network namespace that holds the
// rules; 0 for the caller's.
func Command(netns int) cli.Command {
	return cli.Command{
		Name:    "base",
		Summary: "close what containers will use, before any exists, and exit",
		New: func(f *cli.Flags) cli.Action {
			o := &options{node: node.Options{NetNS: netns}}
			o.declare(f)
			return o.run
		},
	}
}

func (o *options) declare(f *cli.Flags) {
	o.config = f.String("config", "", "configuration `file` (default "+config.DefaultFile+
		", if it exists)")
	o.interfaces = f.List("interface", "`name` of a bridge or routed interface; may be repeated")
	o.prefixes = f.List("prefix", "`beginning` of interface names; may be repeated")
	o.kinds = f.List("kind", "link `kind` such as veth; may be repeated")
	o.subnets = f.List("subnet", "address `block` of a managed network; may be repeated")
	f.StringVar(&o.node.StateDir, "state-dir", node.DefaultStateDir, "state `directory`")
	f.StringVar(&o.node.PolicyDir, "policy-dir", node.DefaultPolicyDir, "policy `directory`")
}

func (o *options) run(ctx context.Context, arguments []string, s cli.Streams) error {
	if len(arguments) > 0 {
		return cli.Usagef("unexpected argument %q", arguments[0])
	}
	c, err := o.configuration()
	if err != nil {
		return err
	}
	if c.Managed.Empty() {
		return errors.New("nothing to close: name interfaces, prefixes, kinds or subnets")
	}
	report, err := load(ctx, o.node, c)
	if report.Generation > 0 {
		fmt.Fprintln(s.Out, summary(report, c))
	}
	return err
}

// configuration joins the file and the flags.
func (o *options) configuration() (compile.Config, error) {
	parsed, err := config.Load(*o.config)
	if err != nil {
		return compile.Config{}, err
	}
	return parsed.Base, o.addTo(&parsed.Base.Managed)
}

func (o *options) addTo(m *compile.Managed) error {
	for _, flag := range []struct {
		name   string
		values *cli.List
		add    func(*compile.Managed, string) error
	}{
		{"interface", o.interfaces, config.AddInterface}, {"prefix", o.prefixes, config.AddPrefix},
		{"kind", o.kinds, config.AddKind}, {"subnet", o.subnets, config.AddSubnet},
	} {
		for _, v := range flag.values.Values {
			if err := flag.add(m, v); err != nil {
				return cli.Usagef("--%s: %v", flag.name, err)
			}
		}
	}
	return nil
}
