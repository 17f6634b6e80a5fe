// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"net/netip"
	"testing"

	"github.com/bulkhead-net/bulkhead/policy"
)

// FuzzAttribute: nothing that a packet can hold stops the pipeline, and each packet is told once.
func FuzzAttribute(f *testing.F) {
	f.Add("bh1 aaaa ingress default", uint8(2), "br0", "veth0", []byte{10, 1, 0, 2},
		[]byte{10, 1, 0, 3}, uint8(6), uint16(40000), uint16(80))
	f.Add("bh1 - - published", uint8(1), "br0", "", []byte{10, 1, 0, 2}, []byte{10, 1, 0, 1},
		uint8(6), uint16(1), uint16(8080))
	f.Add("bh1 aaaa to-host audit", uint8(4), "", "", []byte{}, make([]byte, 16), uint8(58),
		uint16(0), uint16(0))
	f.Fuzz(func(t *testing.T, prefix string, hook uint8, in, phys string, src, dst []byte,
		proto uint8, from, to uint16) {
		p, err := ParsePrefix(prefix)
		if err != nil {
			return
		}
		h := NewHistory()
		h.Add(small(1, closed("old"), Groups{Ingress: "aaaa", ToHost: "bbbb"}))
		ev := Event{Time: second(15), Family: "ip", Hook: Hook(hook), Prefix: p, In: in, Out: phys,
			PhysIn: phys, Proto: proto, SrcPort: from, DstPort: to, ICMPType: hook, Length: 60}
		ev.Src, _ = netip.AddrFromSlice(src)
		ev.Dst, _ = netip.AddrFromSlice(dst)
		a := h.Attribute(&ev)
		if a.Record.Why == "" || a.Record.Reason == "" || a.Key.Counter != p.Counter("ip") {
			t.Errorf("got %+v", a.Record)
		}
		w := NewWindow(DefaultLimits(), second(10))
		first, ok := w.Add(&a)
		w.Add(&a)
		told := first.Packets
		if a.Record.Counter.Noted() {
			w.Totals(h, second(20), []Delta{{Flow: a.Flow, Packets: 2, Bytes: 120}})
		}
		for _, r := range w.Close(second(20)) {
			told += r.Packets
		}
		if !ok || told != 2 || a.Record.Direction > policy.Ingress {
			t.Errorf("told %d packets, the first %v, want 2: %+v", told, ok, a.Record)
		}
	})
}
