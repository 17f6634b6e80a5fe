// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"slices"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/journal"
)

// Status is how the account stands. Figures of what was done are of this run, unless Since says
// otherwise.
type Status struct {
	Dir string `json:"dir"`
	// Since is when the ledger began, by all runs; Totals are its balances.
	Since  time.Time   `json:"since"`
	Totals flow.Totals `json:"totals"`
	// Read is when the kernel's numbers were read last, zero if they were not.
	Read time.Time `json:"read,omitzero"`
	// Records are those that were made.
	Records uint64 `json:"records"`

	Log      LogStatus     `json:"log"`
	Kernel   PartStatus    `json:"kernel"`
	Journal  JournalStatus `json:"journal"`
	Spool    SpoolStatus   `json:"spool"`
	Policies PartStatus    `json:"policies"`
	State    PartStatus    `json:"state"`
	// Window is what is folded at the moment, and what was left out.
	Window flow.Stats `json:"window"`
	Canary Canary     `json:"canary"`
}

// LogStatus is about the samples.
type LogStatus struct {
	PartStatus
	Group    uint16 `json:"group"`
	Messages uint64 `json:"messages"`
	// Gaps are samples that were lost, Overruns how often the buffer was full, Malformed what could
	// not be read, and Foreign what is none of ours.
	Gaps      uint64 `json:"gaps"`
	Overruns  uint64 `json:"overruns"`
	Malformed uint64 `json:"malformed"`
	Foreign   uint64 `json:"foreign"`
	Buffer    int    `json:"buffer"`
	// Tuples says that the kernel tells flows too, and so who began them.
	Tuples bool `json:"tuples"`
}

// JournalStatus is about the journal. Missed are records that it does not have.
type JournalStatus struct {
	PartStatus
	Written uint64 `json:"written"`
	Missed  uint64 `json:"missed"`
	Bytes   int64  `json:"bytes"`
}

// SpoolStatus is about the spool.
type SpoolStatus struct {
	PartStatus
	// Missed are records that found no room in memory or on the disk, Dropped those that nobody
	// had taken over when their room was needed.
	Missed  uint64 `json:"missed"`
	Dropped uint64 `json:"dropped"`
	// Waiting are records that nobody has taken over yet.
	Waiting uint64 `json:"waiting"`
	Bytes   int64  `json:"bytes"`
}

// Status tells how the account stands now.
func (p *Pipeline) Status() Status {
	s := Status{Dir: p.options.Dir, Log: p.logStatus(), Kernel: p.kernel.status(),
		Journal: p.journalStatus(), Spool: p.spool.status(), Policies: p.keeper.status(),
		State: p.state.status(), Canary: p.canary.status()}
	_, s.Records = p.sums.get()
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Since, s.Read = p.book.since, p.book.read.UTC()
	s.Totals, s.Window = p.book.ledger.Totals(), p.book.window.Stats()
	return s
}

func (p *Pipeline) logStatus() LogStatus {
	p.read.Lock()
	defer p.read.Unlock()
	r := &p.read
	return LogStatus{PartStatus: p.log.status(), Group: uint16(p.group.Load()),
		Messages: r.messages, Gaps: r.loss.Gaps, Overruns: r.loss.Overruns,
		Malformed: r.loss.Malformed, Foreign: r.foreign, Buffer: r.buffer, Tuples: r.tuples}
}

func (p *Pipeline) journalStatus() JournalStatus {
	j := p.journal.Stats()
	return JournalStatus{PartStatus: partOf(j.Err), Written: j.Written, Missed: j.Missed,
		Bytes: j.Bytes}
}

func (s *spooler) status() SpoolStatus {
	d := s.spool.Stats()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := SpoolStatus{PartStatus: partOf(d.Err), Missed: s.missed + s.unfit + d.Refused,
		Dropped: d.Dropped, Bytes: d.Bytes}
	if d.Next > d.Acked+1 {
		out.Waiting = d.Next - d.Acked - 1
	}
	return out
}

func partOf(err error) PartStatus {
	if err != nil {
		return PartStatus{Reason: err.Error()}
	}
	return PartStatus{Ready: true}
}

// Accounts is Status with the balance of each counter.
type Accounts struct {
	Status
	Counters []flow.Report `json:"counters"`
	// Oldest is the start of the oldest record that the journal has.
	Oldest time.Time `json:"oldest,omitzero"`
}

// Accounts tells how each counter stands.
func (p *Pipeline) Accounts() Accounts {
	a := Accounts{Status: p.Status(), Oldest: journal.Oldest(p.options.Dir)}
	p.mu.Lock()
	defer p.mu.Unlock()
	a.Counters = p.book.ledger.Reports()
	return a
}

// parts are what can fail by itself.
func (s *Status) parts() map[string]PartStatus {
	return map[string]PartStatus{"log": s.Log.PartStatus, "kernel": s.Kernel,
		"journal": s.Journal.PartStatus, "spool": s.Spool.PartStatus, "policies": s.Policies,
		"state": s.State, "canary": s.Canary.PartStatus}
}

// NotReady says what does not work, and why. Nothing of it touches what is enforced.
func (s *Status) NotReady() []string {
	var out []string
	for name, p := range s.parts() {
		if !p.Ready {
			out = append(out, name+": "+p.Reason)
		}
	}
	slices.Sort(out)
	return out
}
