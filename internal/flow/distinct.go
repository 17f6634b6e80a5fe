// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"math"
	"math/bits"
	"net/netip"
)

// distinct counts different things in 512 bytes, by how many of its bits nobody has set (linear
// counting): exact for a few, within some percent up to ten thousand, and 34,000 at the most.
type distinct [64]uint64

const distinctBits = 64 * 64

// addAddr takes note of an address, addPort of a port.
func (d *distinct) addAddr(a netip.Addr) {
	bytes := a.As16()
	d.add(bytes[:])
}

func (d *distinct) addPort(p uint16) { d.add([]byte{byte(p >> 8), byte(p)}) }

// add spreads things over the bits (FNV-1a, and a last step that mixes its high bits in).
func (d *distinct) add(thing []byte) {
	h := uint64(14695981039346656037)
	for _, b := range thing {
		h = (h ^ uint64(b)) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd >> 52
	d[h/64] |= 1 << (h % 64)
}

func (d *distinct) count() uint32 {
	set := 0
	for _, w := range d {
		set += bits.OnesCount64(w)
	}
	// Full, the estimate would be infinite.
	free := max(1, distinctBits-set)
	return uint32(math.Round(distinctBits * math.Log(distinctBits/float64(free))))
}
