// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/policy"
)

// A flow that a dump lacks is not told again when the next one has it. One that has expired, or
// whose table was made anew, counts from zero.
func TestFlowsThatADumpLacks(t *testing.T) {
	k := flowKey("10.0.0.1", 80)
	start := time.Unix(1700000000, 0)
	there := func(packets uint64) []nft.FlowCount {
		return []nft.FlowCount{{Direction: policy.Ingress, Client: k.Client, Server: k.Server,
			Proto: k.Proto, Port: k.Port, HasPort: true, Packets: packets, Expires: time.Minute}}
	}
	f := newFlows(nil, nil)
	for i, step := range []struct {
		after int // seconds since start
		dump  []nft.FlowCount
		want  uint64
		gone  bool
		anew  bool
	}{
		{0, there(5), 5, false, false},
		{10, nil, 0, false, false},
		{20, there(8), 3, false, false},
		{50, nil, 0, false, false},
		{81, nil, 0, true, false},
		{90, there(9), 9, false, false},
		{100, there(20), 20, false, true},
	} {
		if step.anew {
			f = f.without(func(family string) bool { return family == "ip" })
		}
		var got uint64
		gone := false
		for _, d := range f.observe(start.Add(time.Duration(step.after)*time.Second), step.dump) {
			got, gone = got+d.Packets, gone || d.Gone
		}
		if got != step.want || gone != step.gone {
			t.Errorf("step %d: got %d packets, gone %t, want %d, %t", i, got, gone, step.want,
				step.gone)
		}
	}
	if len(f.kept) != 1 || f.kept[k] == (kept{}) {
		t.Errorf("kept: got %v, want the flow", f.kept)
	}
}
