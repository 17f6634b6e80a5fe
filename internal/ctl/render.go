// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"context"
	"errors"
	"io"

	"github.com/bulkhead-net/bulkhead/internal/cli"
)

func (e Environment) render(f *cli.Flags) cli.Action {
	o := e.places(f)
	return func(_ context.Context, arguments []string, s cli.Streams) (err error) {
		if err := nothingMore(arguments); err != nil {
			return err
		}
		n, err := openReadOnly(*o)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, n.Close()) }()
		if err := n.PolicyError(); err != nil {
			return err
		}
		r, err := n.Desired()
		if err != nil {
			return err
		}
		// Rulesets quote names by themselves: what nft reads back holds no control characters.
		_, err = io.WriteString(s.Out, r.String())
		return err
	}
}
