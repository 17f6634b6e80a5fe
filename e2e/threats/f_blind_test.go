// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// TestThreat118Blinding floods the node with packets from more invented senders than any set of
// the kernel holds. The refusals of an endpoint must be sampled as if nobody had.
func TestThreat118Blinding(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.policies(t, onlyCReachesB)
	sniff := s.boxes["b"].Sniff(t, "eth0")
	strangers := func(from, n int) [][]byte {
		frames := make([][]byte, n)
		for i := range frames {
			var b [4]byte
			binary.BigEndian.PutUint32(b[:], 0x0b000000+uint32(from+i))
			payload := slices.Concat([]byte{0x30, 0x39, 0, 9, 0, 16, 0, 0}, newMark())
			frames[i] = testnet.IPFrame(s.MAC(t, portOf("x")), macOf("x"),
				testnet.IP(netip.AddrFrom4(b), v4("b"), 17, payload))
		}
		return frames
	}
	s.boxes["x"].SendRaw(t, "eth0", strangers(0, 16)...)
	isMarked := func(f []byte) bool { return bytes.Contains(f, markHead) }
	if _, ok := sniff.Wait(isMarked, 3*time.Second); !ok {
		t.Fatal("unprotected: nothing of the flood arrived, so that its absence proves nothing")
	}
	s.attach(t)
	s.counts(t, func() {
		for some := range slices.Chunk(strangers(16, 70_000), 1000) {
			s.boxes["x"].SendRaw(t, "eth0", some...)
		}
	}, "overflow-ingress")
	for _, set := range []string{"log-limit", "log-limit-interface", "insert-limit"} {
		listing := s.Run(t, "nft", "list", "set", "ip", "bulkhead", set)
		if n := strings.Count(listing, "expires"); n > 2*len(members) {
			t.Errorf("set %s: got %d keys after the flood, want no more than we own", set, n)
		}
	}
	s.reach(t, "a", "10.1.0.3:80", testnet.ErrTimeout)
	if got := s.Run(t, "nft", "list", "set", "ip", "bulkhead", "log-limit"); !strings.Contains(got,
		v4("b").String()) {
		t.Errorf("log-limit: got %s, want a sample about b after the flood", got)
	}
}
