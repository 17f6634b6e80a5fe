// SPDX-License-Identifier: Apache-2.0

package base

import (
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/config"
	"github.com/bulkhead-net/bulkhead/internal/node"
)

func TestSummary(t *testing.T) {
	c := compile.DefaultConfig()
	m := &c.Managed
	for _, err := range []error{config.AddInterface(m, "br0"), config.AddInterface(m, "br1"),
		config.AddKind(m, "veth"), config.AddPrefix(m, "cali"),
		config.AddSubnet(m, "10.1.0.0/16")} {
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
