// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// shot is one forged frame. Its builder gets a mark of eight bytes that nothing else carries and
// places it where the receiver finds it again, whatever is done to the headers.
type shot struct {
	name  string
	frame func(mark []byte) []byte
}

var marks atomic.Uint64

func newMark() []byte {
	return binary.BigEndian.AppendUint64(nil, 0xb01c_4ead_0000_0000|marks.Add(1))
}

// grace is how long a frame may be under way after its sender's call has returned: a veth hands
// it to the receiver's CPU at once, and a busy machine is late by milliseconds.
const grace = 60 * time.Millisecond

// fire sends all shots at once and returns the names of those that any of the captures saw.
func fire(t testing.TB, from *testnet.Container, at []*testnet.Capture, shots []shot) []string {
	t.Helper()
	sent, frames := make([][]byte, len(shots)), make([][]byte, len(shots))
	for i, s := range shots {
		sent[i] = newMark()
		frames[i] = s.frame(sent[i])
	}
	from.SendRaw(t, "eth0", frames...)
	var landed []string
	for deadline := time.Now().Add(grace); ; time.Sleep(2 * time.Millisecond) {
		landed = landed[:0]
		for i, s := range shots {
			if slices.ContainsFunc(at, func(c *testnet.Capture) bool { return saw(c, sent[i]) }) {
				landed = append(landed, s.name)
			}
		}
		if len(landed) == len(shots) || time.Now().After(deadline) {
			return landed
		}
	}
}

func saw(c *testnet.Capture, mark []byte) bool {
	return slices.ContainsFunc(c.Frames(), func(f []byte) bool { return bytes.Contains(f, mark) })
}

// names lists shots.
func names(shots []shot) []string {
	var out []string
	for _, s := range shots {
		out = append(out, s.name)
	}
	return out
}

// allLand demands that every shot lands: so it is with the protection off.
func allLand(t testing.TB, from *testnet.Container, at []*testnet.Capture, shots []shot) {
	t.Helper()
	got := fire(t, from, at, shots)
	for _, name := range names(shots) {
		if !slices.Contains(got, name) {
			t.Errorf("unprotected: %s: nobody got it, so that its absence proves nothing", name)
		}
	}
}

// noneLands demands that no shot lands, and that the kernel counted each under one of the
// reasons.
func (s *site) noneLands(t testing.TB, from *testnet.Container, at []*testnet.Capture,
	shots []shot, reasons ...string) {
	t.Helper()
	before := s.refused(t)
	for _, name := range fire(t, from, at, shots) {
		t.Errorf("protected: %s: got through", name)
	}
	grown := moved(before, s.refused(t))
	var sum uint64
	for _, r := range reasons {
		sum += grown[r]
	}
	if sum < uint64(len(shots)) {
		t.Errorf("counted as %v: got %d, want %d; moved: %v", reasons, sum, len(shots), grown)
	}
}
