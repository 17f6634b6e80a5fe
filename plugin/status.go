// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"strings"
)

// status says whether ADD can be served. It is information: no other verb depends on it.
func (c *call) status(ctx context.Context) ([]byte, error) {
	var missing []string
	var closed bool
	if c.agent() {
		var err error
		if missing, closed, err = c.askReady(ctx); err != nil {
			return nil, asError(fmt.Errorf("not ready: %w", err), Unavailable)
		}
	} else {
		missing, closed = c.Probe(ctx, c.conf.settings)
	}
	if len(missing) == 0 {
		return nil, nil
	}
	code := Unavailable
	if closed {
		code = Limited
	}
	return nil, fail(code, "not ready: %s", strings.Join(missing, "; "))
}
