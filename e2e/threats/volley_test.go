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

var marks atomic.Uint32

// markHead begins every mark.
var markHead = []byte{0xb0, 0x1c, 0x4e, 0xad}

func newMark() []byte {
	return binary.BigEndian.AppendUint32(bytes.Clone(markHead), marks.Add(1))
}

// grace is how long a frame may be under way after its sender's call has returned: a veth hands
// it to the receiver's CPU at once, and a busy machine is late by milliseconds.
const grace = 60 * time.Millisecond

// fire sends all shots and returns the names of those that any of the captures saw within the
// time of patience after the last.
func fire(t testing.TB, from *testnet.Container, at []*testnet.Capture, shots []shot,
	patience time.Duration) []string {
	t.Helper()
	sent, frames := make([][]byte, len(shots)), make([][]byte, len(shots))
	for i, s := range shots {
		sent[i] = newMark()
		frames[i] = s.frame(sent[i])
	}
	// A receiver's queue holds a thousand frames, and a bridge multiplies them.
	for some := range slices.Chunk(frames, 64) {
		from.SendRaw(t, "eth0", some...)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		last := time.Now().After(deadline)
		seen := marksIn(at)
		var landed []string
		for i, s := range shots {
			if seen[string(sent[i])] {
				landed = append(landed, s.name)
			}
		}
		if len(landed) == len(shots) || last {
			return landed
		}
	}
}

// saw reports whether a mark is in a captured frame.
func saw(c *testnet.Capture, mark []byte) bool {
	return slices.ContainsFunc(c.Frames(), func(f []byte) bool { return bytes.Contains(f, mark) })
}

// marksIn collects the marks of all captured frames.
func marksIn(at []*testnet.Capture) map[string]bool {
	out := map[string]bool{}
	for _, c := range at {
		for _, f := range c.Frames() {
			if i := bytes.Index(f, markHead); i >= 0 && len(f) >= i+8 {
				out[string(f[i:i+8])] = true
			}
		}
	}
	return out
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
	got := fire(t, from, at, shots, 3*time.Second)
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
	for _, name := range fire(t, from, at, shots, grace) {
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
