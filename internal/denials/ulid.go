// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// identities makes ULIDs (github.com/ulid/spec): 48 bits of milliseconds and 80 of chance, which
// grow by one within a millisecond, and while the clock is set back.
type identities struct {
	millis uint64
	chance [10]byte
}

// alphabet is Crockford's: its order is that of the values.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// next returns an identity that is greater than all before it.
func (i *identities) next(now time.Time) string {
	if ms := uint64(now.UnixMilli()); ms > i.millis {
		i.millis = ms
		rand.Read(i.chance[:]) // never fails
		i.chance[0] &= 0x7f    // room to grow
	} else {
		i.grow()
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], i.millis<<16)
	copy(b[6:], i.chance[:])
	return encode(b)
}

// firstAt is less than all identities from a time on.
func firstAt(t time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(t.UnixMilli())<<16)
	return encode(b)
}

func (i *identities) grow() {
	for at := len(i.chance) - 1; at >= 0; at-- {
		if i.chance[at]++; i.chance[at] != 0 {
			return
		}
	}
}

// encode writes 128 bits as 26 letters of five bits; the first has two bits of nothing.
func encode(b [16]byte) string {
	high, low := binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])
	var out [26]byte
	for at := len(out) - 1; at >= 0; at-- {
		out[at] = alphabet[low&31]
		low = low>>5 | high<<59
		high >>= 5
	}
	return string(out[:])
}
