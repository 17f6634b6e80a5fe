// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/journal"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// load takes up the state that the last run has saved. Without one the books begin at nothing, and
// all that the kernel has counted until now is new.
func (p *Pipeline) load(now time.Time) {
	p.book = newBook(p.options.Limits, now)
	data, err := os.ReadFile(p.options.stateFile())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var s saved
	if err == nil {
		s, err = decodeSaved(data)
	}
	if err != nil {
		p.options.Log.Error("denials: begin at nothing", "error", err)
		return
	}
	same := s.Boot == p.options.Boot
	p.book.ledger, p.book.since = flow.LoadLedger(s.Ledger, same), s.Since
	if !same {
		return
	}
	p.resumed = s
	p.book.window = flow.NewWindow(p.options.Limits, s.Saved)
	p.book.flows = newFlows(s.elements, s.until)
	p.book.read = s.Saved
	p.book.tables = map[ruleset.Family]uint64{}
	for _, f := range []ruleset.Family{ruleset.IP, ruleset.IP6, ruleset.Bridge} {
		if handle, ok := s.Tables[f.String()]; ok {
			p.book.tables[f] = handle
		}
	}
}

// replayed is how much older than the saved state a record can be that it does not know.
const replayed = time.Minute

// begin takes note of what former runs have written and not saved: the kernel's numbers will tell
// of it again.
func (p *Pipeline) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.takeIn()
	if p.resumed.Agent == "" {
		return
	}
	var records []flow.Record
	oldest := firstAt(p.resumed.Saved.Add(-replayed))
	for r, err := range journal.Read(p.options.Dir, journal.Query{NewestFirst: true}) {
		if err != nil {
			continue // half a line, of which nobody was told
		}
		if r.ID < oldest || r.Agent == p.resumed.Agent && r.Sequence <= p.resumed.Sequence {
			break
		}
		if r.Boot == p.options.Boot {
			records = append(records, r)
		}
	}
	slices.Reverse(records)
	for i := range records {
		p.book.window.Replay(p.book.history, &records[i])
		p.book.ledger.Replay(&records[i])
	}
}

// leave is the present state. The caller holds mu.
func (p *Pipeline) leave(now time.Time) saved {
	s := saved{Format: savedFormat, Boot: p.options.Boot, Agent: p.agent, Sequence: p.sequence,
		Saved: now.UTC(), Since: p.book.since, Tables: map[string]uint64{},
		Ledger: p.book.ledger.State(), until: map[flow.FlowKey]time.Time{}}
	for f, handle := range p.book.tables {
		s.Tables[f.String()] = handle
	}
	for k, e := range p.book.flows.kept {
		s.elements = append(s.elements,
			flow.Element{Flow: k, Packets: e.packets, Bytes: e.bytes})
		s.until[k] = e.until
	}
	return s
}

// save replaces the state file. It does not wait for the disk: after a crash of the machine the
// kernel's numbers are gone too, and a file that is half there is found out by its checksum.
func (p *Pipeline) save(s saved) error {
	data, err := s.encode()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(p.options.Dir, 0o700); err != nil {
		return err
	}
	temp := p.options.stateFile() + ".new"
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return errors.Join(err, removeIfThere(temp))
	}
	return os.Rename(temp, p.options.stateFile())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
