// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

func (e Environment) uninstall(f *cli.Flags) cli.Action {
	o := e.places(f)
	yes := f.Bool("yes", false, "do not ask")
	return func(ctx context.Context, arguments []string, s cli.Streams) error {
		if err := nothingMore(arguments); err != nil {
			return err
		}
		return remove(ctx, *o, *yes, s)
	}
}

func remove(ctx context.Context, o node.Options, yes bool, s cli.Streams) error {
	if !yes {
		v, err := look(ctx, o)
		if err != nil {
			return err
		}
		if !confirmed(v, o, s) {
			return errors.New("not confirmed; nothing was changed")
		}
	}
	// The lock is not held while a person thinks: container starts would wait for it.
	o.Agent = true // what an agent owned goes too; one that lives holds the lock
	owner, owned, _ := node.Owner(o.StateDir)
	if owned {
		o.LockTimeout = lockWait // whoever waits for an agent waits in vain
	}
	n, err := node.Open(ctx, o)
	if err != nil {
		if owned {
			return fmt.Errorf("%w; the node belongs to %s, which must be stopped first", err, owner)
		}
		return err
	}
	if err := errors.Join(n.Uninstall(ctx), n.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.Out, "uninstalled")
	return err
}

// confirmed says what is about to go and asks.
func confirmed(v view, o node.Options, s cli.Streams) bool {
	fmt.Fprintf(s.Out, "This removes the nftables tables ip, ip6 and bridge \"bulkhead\",\n"+
		"our marks in conntrack, the bridge flags that we set, and what is in %s.\n"+
		"Policies in %s stay. %s on this node will be open to everybody.\n"+
		"Type yes to go on: ", cli.Printable(o.StateDir), cli.Printable(o.PolicyDir),
		count(len(v.attachments), "endpoint"))
	answer, _ := bufio.NewReader(s.In).ReadString('\n')
	return strings.TrimSpace(answer) == "yes"
}
