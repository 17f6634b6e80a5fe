// SPDX-License-Identifier: Apache-2.0

package ctl_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/node"
)

// TestNodeOfAnAgent: apply leaves it alone, commands that tell do not care, uninstall ends it.
func TestNodeOfAnAgent(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	o := s.options
	o.Agent = true
	n, err := node.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	const socket = "/run/x/agent.sock"
	if err := errors.Join(n.Own(node.Ownership{Socket: socket, PID: 42}), n.Close()); err != nil {
		t.Fatal(err)
	}
	if r := s.run(t, "apply"); r.code != 1 || !strings.Contains(r.err, socket) {
		t.Errorf("apply: got %+v, want a refusal that names the socket", r)
	}
	if r := s.run(t, "endpoints"); r.code != 0 {
		t.Errorf("endpoints: got %+v, want 0", r)
	}
	if r := s.uninstall(t, "", "--yes"); r.code != 0 {
		t.Errorf("uninstall: got %+v, want 0", r)
	}
	if r := s.run(t, "apply"); r.code != 0 {
		t.Errorf("apply after uninstall: got %+v, want 0", r)
	}
}
