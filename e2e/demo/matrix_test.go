// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/policy"
)

// twoTries is a matrix in which web tried the database on both families, with the law's actions
// and what was observed.
func twoTries(actions [2]policy.Action, observed [2]outcome) *matrix {
	web, db := role{name: "web", namespace: "shop"}, role{name: "db", namespace: "shop"}
	from := &container{role: web}
	c := column{target: db, service: service{tcp, 5432}}
	m := &matrix{sources: []*container{from}, columns: []column{c}, tries: map[string][]*try{}}
	for i, address := range []string{"10.0.0.2", "fd00::2"} {
		t := &try{from: from, column: c, observed: observed[i],
			decision: policy.Decision{Action: actions[i], Why: "the law says so"}}
		t.flow.To.Addr = netip.MustParseAddr(address)
		m.tries[key(from, c)] = append(m.tries[key(from, c)], t)
	}
	return m
}

func TestMatrixMarksWhatDiffers(t *testing.T) {
	const accept, deny, reject = policy.Accept, policy.Deny, policy.Reject
	cases := []struct {
		actions  [2]policy.Action
		observed [2]outcome
		symbols  string
		wrong    int
	}{
		{[2]policy.Action{accept, accept}, [2]outcome{passed, passed}, "46", 0},
		{[2]policy.Action{deny, deny}, [2]outcome{dropped, dropped}, "..", 0},
		{[2]policy.Action{reject, accept}, [2]outcome{rejected, passed}, "x6", 0},
		{[2]policy.Action{deny, deny}, [2]outcome{dropped, passed}, "!.6", 1},
		{[2]policy.Action{deny, reject}, [2]outcome{rejected, dropped}, "!x.", 2},
		{[2]policy.Action{accept, accept}, [2]outcome{dropped, passed}, "!.6", 1},
		{[2]policy.Action{accept, accept}, [2]outcome{"no route", passed}, "!?6", 1},
	}
	for _, c := range cases {
		t.Run(c.symbols, func(t *testing.T) {
			m := twoTries(c.actions, c.observed)
			var printed strings.Builder
			m.print(&printed)
			if !strings.Contains(printed.String(), "web       "+c.symbols+"\n") {
				t.Errorf("got\n%s, want the cell %s", &printed, c.symbols)
			}
			err := m.check()
			if (err != nil) != (c.wrong > 0) {
				t.Fatalf("check: got %v, want %d wrong", err, c.wrong)
			}
			if err != nil && strings.Count(err.Error(), "\n! shop/web -> db") != c.wrong {
				t.Errorf("check: got %v, want %d wrong", err, c.wrong)
			}
		})
	}
}
