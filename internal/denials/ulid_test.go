// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"math"
	"strings"
	"testing"
	"time"
)

// Identities grow, also within a millisecond and when the clock is set back.
func TestIdentitiesGrow(t *testing.T) {
	var ids identities
	now := time.UnixMilli(1469918176385)
	last := ""
	for i := range 1000 {
		id := ids.next(now)
		if id <= last || len(id) != 26 || strings.Trim(id, alphabet) != "" {
			t.Fatalf("got %q after %q, want a greater one", id, last)
		}
		last = id
		switch i {
		case 300:
			now = now.Add(-time.Hour)
		case 600:
			now = now.Add(2 * time.Hour)
		}
	}
	one := (&identities{}).next(now)
	if a, b := firstAt(now), firstAt(now.Add(time.Millisecond)); a > one || b <= one {
		t.Errorf("first of a time: got %s and %s a millisecond later, want %s between", a, b, one)
	}
	if got := (&identities{}).next(time.UnixMilli(1469918176385))[:10]; got != "01ARYZ6S41" {
		t.Errorf("time: got %s, want 01ARYZ6S41 as in the specification", got)
	}
}

func TestIdentitiesEncodeEveryBit(t *testing.T) {
	var ones [16]byte
	for i := range ones {
		ones[i] = math.MaxUint8
	}
	for in, want := range map[[16]byte]string{{}: strings.Repeat("0", 26),
		ones: "7" + strings.Repeat("Z", 25), {15: 33}: strings.Repeat("0", 24) + "11"} {
		if got := encode(in); got != want {
			t.Errorf("%v: got %s, want %s", in, got, want)
		}
	}
}
