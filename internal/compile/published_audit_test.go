// SPDX-License-Identifier: Apache-2.0

package compile_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/compile/compiletest"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// A client of a published port is judged before the proxy hides it, by its own Audit policies
// too: the case "audit" denies everybody's egress to web in Audit, and web accepts http alone.
func TestPublishedPortIsAudited(t *testing.T) {
	cases, err := compiletest.Cases("testdata")
	if err != nil {
		t.Fatal(err)
	}
	c := cases[slices.IndexFunc(cases, func(c compiletest.Case) bool { return c.Name == "audit" })]
	tracer, err := ruleset.NewTracer(c.Ruleset)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		client string
		in     ruleset.Device
		mac    byte
	}{
		{"10.2.0.10", ruleset.Device{Name: "veth3", Kind: "veth"}, 3},
		{"10.1.0.11", ruleset.Device{Name: "veth2", Kind: "veth", Bridge: "br0"}, 2},
	} {
		client, host := netip.MustParseAddr(tc.client), netip.MustParseAddr("198.51.100.1")
		p := &ruleset.Packet{EtherType: 0x0800, EtherSrc: [6]byte{2, 5: tc.mac}, Src: client,
			Dst: host, Protocol: policy.ProtocolTCP, HopLimit: 64, SrcPort: 40000, DstPort: 80,
			TCPFlags: 2}
		p.CT = ruleset.Conntrack{State: ruleset.StateNew, OrigSrc: client, ReplySrc: host,
			OrigPort: 80, ReplyPort: 80}
		got := tracer.Walk(ruleset.Path{In: tc.in}, p)
		if got.Verdict != ruleset.Accepted || len(got.Counters) != 1 ||
			!strings.HasPrefix(got.Counters[0], "egress-") ||
			!strings.HasSuffix(got.Counters[0], "-audit") {
			t.Errorf("%s: got %s, counters %q, want accept and one egress audit", tc.client,
				got.Verdict, got.Counters)
		}
	}
}
