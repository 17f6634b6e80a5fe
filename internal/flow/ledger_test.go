// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"encoding/json"
	"fmt"
	"testing"
)

var (
	rule   = Counter{"ip", "aaaa", "ingress", "rule"}
	silent = Counter{"ip", "aaaa", "ingress", "rule-silent"}
	audit  = Counter{"ip", "aaaa", "ingress", "audit"}
	allow  = Counter{"ip", "aaaa", "ingress", "allow"}
	spoof  = Counter{Family: "ip", Word: "spoof"}
	over   = Counter{Family: "ip", Word: "overflow-ingress"}
)

func told(c Counter, packets uint64) *Record {
	return &Record{Kind: c.Tells(), Counter: c, Packets: packets}
}

func (l *Ledger) says(c Counter) string {
	for _, r := range l.Reports() {
		if r.Counter == c {
			return fmt.Sprintf("%d = %d + %d + %d, %d", r.Counted, r.Recorded, r.Lost, r.Unlogged,
				r.Misattributed)
		}
	}
	return "none"
}

func TestLedgerFollowsACounter(t *testing.T) {
	l := NewLedger()
	for i, step := range []struct {
		value    uint64 // none is no counter
		recorded uint64
		want     string
		lost     uint64
	}{
		{10, 10, "10 = 10 + 0 + 0, 0", 0},
		{30, 5, "30 = 15 + 15 + 0, 0", 0}, // may be on its way
		{30, 5, "30 = 20 + 10 + 0, 0", 10},
		{30, 0, "30 = 20 + 10 + 0, 0", 0},
		{none, 0, "30 = 20 + 10 + 0, 0", 0}, // it is gone, and what it said stays
		{40, 40, "70 = 60 + 10 + 0, 0", 0},  // it came back, and counts from nothing
		{5, 5, "75 = 65 + 10 + 0, 0", 0},    // it began anew in between
		{5, 12, "75 = 75 + 0 + 0, 2", 0},    // more than there was
		{9, 0, "79 = 77 + 2 + 0, 0", 0},     // it was: the packets were on their way
		{9, 3, "79 = 79 + 0 + 0, 1", 0},     // again too much,
		{9, 0, "79 = 79 + 0 + 0, 1", 0},     // and still
		{19, 0, "89 = 79 + 10 + 0, 1", 0},   // so it hides no loss
		{19, 0, "89 = 79 + 10 + 0, 1", 0},   // ten were told as lost before
		{29, 0, "99 = 79 + 20 + 0, 1", 0},
		{29, 0, "99 = 79 + 20 + 0, 1", 10},
	} {
		l.Record(told(rule, step.recorded))
		values := map[Counter]uint64{rule: step.value}
		if step.value == none {
			values = nil
		}
		lost := uint64(0)
		for _, r := range l.Observe(values) {
			lost += r.Lost
		}
		if got := l.says(rule); got != step.want || lost != step.lost {
			t.Errorf("step %d: got %s, %d lost for good, want %s, %d", i, got, lost, step.want,
				step.lost)
		}
	}
}

const none = 1 << 60

func TestLedgerKeepsKindsApart(t *testing.T) {
	l := NewLedger()
	for _, c := range []Counter{rule, silent, audit, allow, spoof, over} {
		if !c.Silent() {
			l.Record(told(c, 3))
		}
	}
	values := map[Counter]uint64{rule: 10, silent: 20, audit: 30, allow: 40, spoof: 50, over: 60}
	l.Observe(values)
	l.Observe(values)
	for c, want := range map[Counter]string{
		rule: "10 = 3 + 7 + 0, 0", silent: "20 = 0 + 0 + 20, 0", audit: "30 = 3 + 27 + 0, 0",
		allow: "none", spoof: "50 = 3 + 47 + 0, 0", over: "60 = 0 + 0 + 0, 0",
	} {
		if got := l.says(c); got != want {
			t.Errorf("%s: got %s, want %s", c.Name(), got, want)
		}
	}
	want := Totals{Denied: Balance{Counted: 80, Recorded: 6, Lost: 54, Unlogged: 20},
		WouldDeny: Balance{Counted: 30, Recorded: 3, Lost: 27}, Overflow: 60}
	if got := l.Totals(); got != want {
		t.Errorf("totals: got %+v, want %+v", got, want)
	}
}

// TestLedgerForgets: memory is bounded, and no number is forgotten.
func TestLedgerForgets(t *testing.T) {
	l := NewLedger()
	values := map[Counter]uint64{}
	for n := range 3 * maxGone {
		c := rule
		c.Group = fmt.Sprintf("%012x", n)
		l.Record(told(c, 1))
		values[c] = 3
		if n%128 == 127 {
			l.Observe(values)
			clear(values)
		}
	}
	want := Balance{Counted: 9 * maxGone, Recorded: 3 * maxGone, Lost: 6 * maxGone}
	if got := l.Totals().Denied; got != want {
		t.Errorf("totals: got %+v, want %+v", got, want)
	}
	if got := len(l.Reports()); got > maxGone+128 {
		t.Errorf("reports: got %d, want at most %d", got, maxGone+128)
	}
	if got := reload(t, l, true).Totals().Denied; got != want {
		t.Errorf("totals after a restart: got %+v, want %+v", got, want)
	}
}

func reload(t *testing.T, l *Ledger, sameBoot bool) *Ledger {
	t.Helper()
	text, err := json.Marshal(l.State())
	if err != nil {
		t.Fatal(err)
	}
	var s LedgerState
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return LoadLedger(s, sameBoot)
}

func TestLedgerGoesOnAfterARestart(t *testing.T) {
	l := NewLedger()
	l.Record(told(rule, 8))
	l.Observe(map[Counter]uint64{rule: 10, spoof: 4})
	l = reload(t, l, true)
	l.Observe(map[Counter]uint64{rule: 15})
	if got := l.says(rule) + "; " + l.says(spoof); got !=
		"15 = 8 + 7 + 0, 0; 4 = 0 + 4 + 0, 0" {
		t.Errorf("same boot: got %s", got)
	}
	l = reload(t, l, false)
	l.Observe(map[Counter]uint64{rule: 20})
	if got := l.says(rule); got != "35 = 8 + 27 + 0, 0" {
		t.Errorf("another boot: got %s, want the counter to have begun anew", got)
	}
}
