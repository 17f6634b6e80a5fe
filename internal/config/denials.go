// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v4"
)

// Denials is the section "denials": what the agent keeps of refused packets.
type Denials struct {
	Enabled bool
	// Interval is how often the kernel's numbers are read.
	Interval time.Duration
	// Directory is absolute.
	Directory string
	// JournalFileMiB is the size at which a new file of the journal begins, JournalMiB bounds all of
	// them, and JournalAge how long they are kept; zero is for ever.
	JournalFileMiB, JournalMiB uint32
	JournalAge                 time.Duration
	// SpoolMiB bounds what is kept for whoever collects records.
	SpoolMiB uint32
}

// DefaultDenials are those of a file that says nothing.
func DefaultDenials() Denials {
	return Denials{Enabled: true, Interval: 10 * time.Second,
		Directory: "/var/lib/bulkhead/denials", JournalFileMiB: 64, JournalMiB: 512, SpoolMiB: 256}
}

// The bounds of sizes, in MiB, of JournalAge and of Interval: reading full sets takes some seconds.
const (
	minInterval   = time.Second
	maxInterval   = 20 * time.Second
	maxMiB        = 1 << 20
	maxJournalAge = 10 * 365 * 24 * time.Hour
)

func (p *parser) denialsKeys() map[string]func(*yaml.Node) {
	d := &p.config.Denials
	return map[string]func(*yaml.Node){
		"enabled":        p.boolean(&d.Enabled),
		"interval":       p.duration(&d.Interval, minInterval, maxInterval),
		"directory":      p.text(&d.Directory, Absolute),
		"journalFileMiB": p.size(&d.JournalFileMiB),
		"journalMiB":     p.size(&d.JournalMiB),
		"journalAge":     p.duration(&d.JournalAge, 0, maxJournalAge),
		"spoolMiB":       p.size(&d.SpoolMiB),
	}
}

// size reads a number of MiB.
func (p *parser) size(into *uint32) func(*yaml.Node) {
	return func(n *yaml.Node) {
		p.number(32, func(v uint64) {
			if v == 0 || v > maxMiB {
				p.fault(n, "found %d, accepted 1 to %d MiB", v, maxMiB)
				return
			}
			*into = uint32(v)
		})(n)
	}
}

func (d Denials) validate() error {
	if d.JournalMiB < 2*d.JournalFileMiB {
		return fmt.Errorf("journalMiB: found %d, accepted twice journalFileMiB or more, which is %d",
			d.JournalMiB, d.JournalFileMiB)
	}
	return nil
}
