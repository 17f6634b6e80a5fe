// SPDX-License-Identifier: Apache-2.0

package base

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

// fakeNode records a configuration as a node does, and fails on the bridges if told so.
type fakeNode struct {
	bridges  error
	recorded compile.Managed
	kernel   compile.Managed
	removed  int
}

func (f *fakeNode) SetConfig(_ context.Context, c compile.Config) (node.Report, error) {
	f.recorded = c.Managed
	if f.bridges != nil {
		return node.Report{}, f.bridges
	}
	return f.follow(), nil
}

func (f *fakeNode) Detach(_ context.Context, match func(endpoint.Attachment) bool) (node.Report,
	error) {
	if match(endpoint.Attachment{}) {
		f.removed++
	}
	return f.follow(), nil
}

func (f *fakeNode) follow() node.Report {
	f.kernel = f.recorded
	return node.Report{Generation: 1, Changed: true, Operations: 3}
}

func TestBaseClosesEvenWithoutBridgeFlags(t *testing.T) {
	none := errors.New("no br_netfilter")
	for _, bridges := range []error{nil, none} {
		f := &fakeNode{bridges: bridges}
		c := compile.DefaultConfig()
		c.Managed.Interfaces = []string{"br0"}
		report, err := settle(t.Context(), f, c)
		if !errors.Is(err, bridges) || report.Generation != 1 || f.removed != 0 ||
			len(f.kernel.Interfaces) != 1 {
			t.Errorf("bridges %v: got %+v, %v, kernel %+v, %d removed; want br0 closed and the error",
				bridges, report, err, f.kernel, f.removed)
		}
	}
}

func TestSummary(t *testing.T) {
	c := compile.DefaultConfig()
	m := &c.Managed
	for _, err := range []error{addInterface(m, "br0"), addInterface(m, "br1"), addKind(m, "veth"),
		addPrefix(m, "cali"), addSubnet(m, "10.1.0.0/16")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got := summary(node.Report{Generation: 7, Changed: true, Operations: 3}, c)
	want := "generation 7, 3 operations: closed are interfaces br0, br1; prefixes cali; " +
		"kinds veth; subnets 10.1.0.0/16"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := summary(node.Report{Generation: 7}, c); !strings.Contains(got, ", unchanged:") {
		t.Errorf("got %q, want unchanged", got)
	}
}
