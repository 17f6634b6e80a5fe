// SPDX-License-Identifier: Apache-2.0

package flow

import "testing"

// A counter that began anew is not taken for one that stood still, whatever it says.
func TestLedgerOfCountersThatBeganAnew(t *testing.T) {
	for _, anew := range []bool{false, true} {
		l := NewLedger()
		l.Observe(map[Counter]uint64{rule: 10, spoof: 10})
		if anew {
			l.Anew(func(c Counter) bool { return c == rule })
		}
		l.Observe(map[Counter]uint64{rule: 12, spoof: 12})
		want := map[bool]string{false: "12 = 0 + 12 + 0, 0", true: "22 = 0 + 22 + 0, 0"}[anew]
		if got := l.says(rule); got != want {
			t.Errorf("began anew %t: got %s, want %s", anew, got, want)
		}
		if got, want := l.says(spoof), "12 = 0 + 12 + 0, 0"; got != want {
			t.Errorf("the other: got %s, want %s", got, want)
		}
	}
}

// What a loss report has told before the agent died is not told again.
func TestLedgerReplaysLosses(t *testing.T) {
	l := NewLedger()
	l.Observe(map[Counter]uint64{rule: 10})
	state := l.State()
	lost := l.Observe(map[Counter]uint64{rule: 10})
	if len(lost) != 1 || lost[0].Lost != 10 {
		t.Fatalf("got %+v, want 10 lost", lost)
	}
	for _, replay := range []bool{false, true} {
		next := LoadLedger(state, true)
		if replay {
			next.Replay(&Record{Kind: LossReport, Counter: rule, Lost: 10})
		}
		if lost := next.Observe(map[Counter]uint64{rule: 10}); (len(lost) == 0) != replay {
			t.Errorf("replayed %t: got %+v lost", replay, lost)
		}
		if got, want := next.says(rule), "10 = 0 + 10 + 0, 0"; got != want {
			t.Errorf("replayed %t: got %s, want %s", replay, got, want)
		}
	}
}

// Packets that are counted while the sets are read are on their way, however often there are some.
func TestLedgerWaitsForWhatIsYoung(t *testing.T) {
	for _, waits := range []bool{false, true} {
		l := NewLedger()
		var lost uint64
		for i := range uint64(5) {
			// The sets tell of all but the last three packets, which they have the next time.
			l.Record(told(rule, 10))
			now := map[Counter]uint64{rule: 10*(i+1) + 3}
			before := now
			if waits {
				before = map[Counter]uint64{rule: 10 * (i + 1)}
			}
			for _, r := range l.ObserveBetween(before, now) {
				lost += r.Lost
			}
		}
		if (lost == 0) != waits {
			t.Errorf("waits %t: got %d lost, want none only then", waits, lost)
		}
	}
}
