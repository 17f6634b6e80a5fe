// SPDX-License-Identifier: Apache-2.0

package flow

import "slices"

// Balance is the account of one counter or of many: Counted is Recorded, Lost and Unlogged
// together, always.
type Balance struct {
	// Counted is what the kernel has counted since the ledger began.
	Counted uint64 `json:"counted"`
	// Recorded are packets that records tell of.
	Recorded uint64 `json:"recorded"`
	// Lost are packets that nothing tells of.
	Lost uint64 `json:"lost"`
	// Unlogged are those of rules that want no log.
	Unlogged uint64 `json:"unlogged,omitempty"`
	// Misattributed are packets in records of this counter beyond what it has counted: another
	// one did. They are in none of the numbers above.
	Misattributed uint64 `json:"misattributed,omitempty"`
}

func (b *Balance) add(o Balance) {
	b.Counted += o.Counted
	b.Recorded += o.Recorded
	b.Lost += o.Lost
	b.Unlogged += o.Unlogged
	b.Misattributed += o.Misattributed
}

// Report is the balance of one counter.
type Report struct {
	Counter Counter `json:"counter"`
	Balance
}

// Account is what the ledger keeps of one counter.
type Account struct {
	Counter Counter `json:"counter"`
	// Last is the counter's value when it was read last, and Present says that it was there.
	Last    uint64 `json:"last"`
	Present bool   `json:"present"`
	Counted uint64 `json:"counted"`
	// Recorded is without what is Misattributed.
	Recorded      uint64 `json:"recorded"`
	Misattributed uint64 `json:"misattributed,omitempty"`
	// Excess and Missing were too much and too little in records at the last reading: what is
	// so at the next one too is no packet on its way.
	Excess  uint64 `json:"excess,omitempty"`
	Missing uint64 `json:"missing,omitempty"`
	// Told is how much of what is missing Observe has returned.
	Told uint64 `json:"told,omitempty"`
	// young is how much was counted while the sets were read.
	young uint64
}

// maxGone is how many counters that are no more are remembered one by one.
const maxGone = 4096

// Ledger compares what the kernel counts with what records tell. It is not safe for concurrent
// use. It takes 300 bytes for each counter, and remembers 4,096 of those that are gone.
type Ledger struct {
	accounts map[Counter]*Account
	gone     []*Account // in the order in which they went
	// forgotten are the balances of counters that went too long ago, by what they tell of.
	forgotten map[Kind]Balance
}

// NewLedger begins at nothing: what the counters have counted before is lost.
func NewLedger() *Ledger {
	return &Ledger{accounts: map[Counter]*Account{}, forgotten: map[Kind]Balance{}}
}

// Record takes note of a record.
func (l *Ledger) Record(r *Record) {
	if r.Kind == Denied || r.Kind == WouldDeny {
		l.account(r.Counter).Recorded += r.Packets
	}
}

func (l *Ledger) account(c Counter) *Account {
	a := l.accounts[c]
	if a == nil {
		a = &Account{Counter: c}
		l.accounts[c] = a
		l.gone = append(l.gone, a)
	}
	return a
}

// Observe takes the values of all counters of our tables, which are to be read after the per-flow
// sets, and when all records of the time before are noted. It returns what was lost for good
// since the last time: packets that are missing for the second time. Counters of what is allowed
// are left out.
func (l *Ledger) Observe(values map[Counter]uint64) []Report {
	return l.ObserveBetween(values, values)
}

// ObserveBetween is Observe while packets are counted: before are the values before the per-flow
// sets were read. What was counted since is noted by the next reading of the sets, and is not
// missing yet.
func (l *Ledger) ObserveBetween(before, values map[Counter]uint64) []Report {
	for c, v := range values {
		if c.Tells() != Allowed {
			a := l.account(c)
			a.read(v)
			// One that was made in between was nothing before.
			a.young = v - min(v, before[c])
		}
	}
	var lost []Report
	for c, a := range l.accounts {
		if _, there := values[c]; !there && a.Present {
			a.Present = false
			l.gone = append(l.gone, a)
		}
		if n := a.settle(); n > 0 {
			lost = append(lost, Report{Counter: c, Balance: Balance{Lost: n}})
		}
	}
	l.forget()
	sortReports(lost)
	return lost
}

// read takes the counter's value. One that was away, or counts less than it did, began anew.
func (a *Account) read(v uint64) {
	grown := v
	if a.Present && v >= a.Last {
		grown = v - a.Last
	}
	a.Counted += grown
	a.Last, a.Present = v, true
}

// settle moves what is too much for the second time to where it does not hide losses, and returns
// what is newly missing for the second time.
func (a *Account) settle() uint64 {
	excess := a.Recorded - min(a.Recorded, a.Counted)
	moved := min(excess, a.Excess)
	a.Recorded -= moved
	a.Misattributed += moved
	a.Excess = excess - moved

	noted := a.Counted - min(a.Counted, a.young)
	missing := noted - min(noted, a.Recorded)
	sure := min(missing, a.Missing)
	a.Missing = missing
	if a.Counter.Silent() || a.Counter.Overflow() || sure <= a.Told {
		return 0
	}
	n := sure - a.Told
	a.Told = sure
	return n
}

// balance is the account's; what is too much at the moment is shown as misattributed.
func (a *Account) balance() Balance {
	b := Balance{Counted: a.Counted, Recorded: min(a.Recorded, a.Counted)}
	b.Misattributed = a.Misattributed + a.Recorded - b.Recorded
	if missing := b.Counted - b.Recorded; a.Counter.Silent() {
		b.Unlogged = missing
	} else {
		b.Lost = missing
	}
	return b
}

// forget adds up the oldest of too many accounts of counters that are no more.
func (l *Ledger) forget() {
	l.gone = slices.DeleteFunc(l.gone, func(a *Account) bool { return a.Present })
	for len(l.gone) > maxGone {
		a := l.gone[0]
		l.gone = l.gone[1:]
		if !a.Counter.Overflow() {
			kind := a.Counter.Tells()
			b := l.forgotten[kind]
			b.add(a.balance())
			l.forgotten[kind] = b
		}
		delete(l.accounts, a.Counter)
	}
}
