// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"cmp"
	"slices"
)

// Totals are the balances of all counters.
type Totals struct {
	Denied    Balance `json:"denied"`
	WouldDeny Balance `json:"wouldDeny"`
	// Overflow are packets that the per-flow sets took no note of. They are counted elsewhere as
	// well, and are lost only if they were not sampled.
	Overflow uint64 `json:"overflow"`
}

// Reports are the balances of all counters that are remembered, in one order. An overflow counter
// has counted only.
func (l *Ledger) Reports() []Report {
	out := make([]Report, 0, len(l.accounts))
	for c, a := range l.accounts {
		r := Report{Counter: c, Balance: a.balance()}
		if c.Overflow() {
			r.Balance = Balance{Counted: a.Counted}
		}
		out = append(out, r)
	}
	sortReports(out)
	return out
}

// Totals add up all counters, also those that are forgotten one by one.
func (l *Ledger) Totals() Totals {
	t := Totals{Denied: l.forgotten[Denied], WouldDeny: l.forgotten[WouldDeny]}
	for c, a := range l.accounts {
		switch {
		case c.Overflow():
			t.Overflow += a.Counted
		case c.Tells() == WouldDeny:
			t.WouldDeny.add(a.balance())
		default:
			t.Denied.add(a.balance())
		}
	}
	return t
}

func sortReports(list []Report) {
	slices.SortFunc(list, func(a, b Report) int { return a.Counter.compare(b.Counter) })
}

func (c Counter) compare(o Counter) int {
	return cmp.Or(cmp.Compare(c.Family, o.Family), cmp.Compare(c.Kind, o.Kind),
		cmp.Compare(c.Group, o.Group), cmp.Compare(c.Word, o.Word))
}

// LedgerState is a ledger at rest.
type LedgerState struct {
	Accounts  []Account        `json:"accounts,omitempty"`
	Forgotten map[Kind]Balance `json:"forgotten,omitempty"`
}

// State is what LoadLedger goes on from.
func (l *Ledger) State() LedgerState {
	s := LedgerState{Forgotten: map[Kind]Balance{}}
	for _, a := range l.accounts {
		if a.Present {
			s.Accounts = append(s.Accounts, *a)
		}
	}
	slices.SortFunc(s.Accounts, func(a, b Account) int { return a.Counter.compare(b.Counter) })
	for _, a := range l.gone {
		if !a.Present {
			s.Accounts = append(s.Accounts, *a)
		}
	}
	for k, b := range l.forgotten {
		s.Forgotten[k] = b
	}
	return s
}

// LoadLedger goes on where another agent stopped. What the kernel has counted in between, and
// nothing tells of, is lost. After the host has started anew all counters are new ones.
func LoadLedger(s LedgerState, sameBoot bool) *Ledger {
	l := NewLedger()
	for _, a := range s.Accounts {
		a.Present = a.Present && sameBoot
		l.accounts[a.Counter] = &a
		if !a.Present {
			l.gone = append(l.gone, &a)
		}
	}
	for k, b := range s.Forgotten {
		l.forgotten[k] = b
	}
	return l
}
