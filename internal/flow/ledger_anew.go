// SPDX-License-Identifier: Apache-2.0

package flow

// Anew says that counters began at zero since they were read last, with the table or the group
// that they are of: their next values are all new.
func (l *Ledger) Anew(which func(Counter) bool) {
	for c, a := range l.accounts {
		if a.Present && which(c) {
			a.Present = false
			l.gone = append(l.gone, a)
		}
	}
}

// Replay takes note of a record that was written before the agent died, and after it had saved its
// state.
func (l *Ledger) Replay(r *Record) {
	l.Record(r)
	if r.Kind == LossReport {
		a := l.account(r.Counter)
		a.Told += r.Lost
	}
}
