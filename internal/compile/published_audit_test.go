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

// A client of a published port is judged before the proxy hides it, by its own Audit policies and
// its own rules with log All too: the case "audit" denies everybody's egress to web in Audit, and
// web accepts http alone; in the case "recorded" both ends ask for a record, and a policy in Audit
// would close web.
func TestPublishedPortIsRecorded(t *testing.T) {
	cases, err := compiletest.Cases("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, client string
		in           ruleset.Device
		mac          byte
		want         []string
	}{
		{"audit", "10.2.0.10", ruleset.Device{Name: "veth3", Kind: "veth"}, 3,
			[]string{"egress audit"}},
		{"audit", "10.1.0.11", ruleset.Device{Name: "veth2", Kind: "veth", Bridge: "br0"}, 2,
			[]string{"egress audit"}},
		{"recorded", "10.2.0.10", ruleset.Device{Name: "veth3", Kind: "veth"}, 3,
			[]string{"egress allow", "ingress audit", "ingress allow"}},
		{"recorded", "10.1.0.11", ruleset.Device{Name: "veth2", Kind: "veth", Bridge: "br0"}, 2,
			[]string{"ingress audit", "ingress allow"}},
	} {
		c := cases[slices.IndexFunc(cases, func(c compiletest.Case) bool { return c.Name == tc.name })]
		tracer, err := ruleset.NewTracer(c.Ruleset)
		if err != nil {
			t.Fatal(err)
		}
		p := toPublished(netip.MustParseAddr(tc.client), tc.mac)
		got := tracer.Walk(ruleset.Path{In: tc.in}, p)
		var counters []string
		for _, name := range got.Counters {
			parts := strings.Split(name, "-")
			counters = append(counters, parts[0]+" "+parts[len(parts)-1])
		}
		if got.Verdict != ruleset.Accepted || !slices.Equal(counters, tc.want) {
			t.Errorf("%s, %s: got %s, counters %q, want accept and %q", tc.name, tc.client,
				got.Verdict, counters, tc.want)
		}
	}
}

// toPublished is the first packet of a client to the port of the node that leads to web.
func toPublished(client netip.Addr, mac byte) *ruleset.Packet {
	host := netip.MustParseAddr("198.51.100.1")
	p := &ruleset.Packet{EtherType: 0x0800, EtherSrc: [6]byte{2, 5: mac}, Src: client,
		Dst: host, Protocol: policy.ProtocolTCP, HopLimit: 64, SrcPort: 40000, DstPort: 80,
		TCPFlags: 2}
	p.CT = ruleset.Conntrack{State: ruleset.StateNew, OrigSrc: client, ReplySrc: host,
		OrigPort: 80, ReplyPort: 80}
	return p
}
