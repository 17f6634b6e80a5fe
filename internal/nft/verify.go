// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"cmp"
	"fmt"
	"slices"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// DriftKind is how an object differs from the desired one.
type DriftKind uint8

// The kinds of drift.
const (
	Missing   DriftKind = iota // desired, not in the kernel
	Extra                      // in the kernel, not desired
	Different                  // in both, with another content
)

// Drift is one difference between the kernel and the desired ruleset.
type Drift struct {
	Kind   DriftKind
	Family rs.Family
	// Object names what differs: "table", "chain forward", "rule 3 of chain forward", "set
	// live", "element 0x00010000 of set live", "counter spoof".
	Object string
}

// String is the drift as one line: "missing: ip chain forward".
func (d Drift) String() string {
	words := [...]string{Missing: "missing", Extra: "extra", Different: "different"}
	return fmt.Sprintf("%s: %s %s", words[d.Kind], d.Family, d.Object)
}

// Verify reads our tables back, whole and at one moment, and compares them with the desired
// ones: tables and their flags, chains, rules, sets, static elements and counter objects. What
// packets fill, and the values of counters, take no part. An empty result means that they are
// equal.
func (k *Kernel) Verify(desired *rs.Ruleset) ([]Drift, error) {
	var found map[rs.Family]*installed
	err := k.snapshot(func() error {
		found = map[rs.Family]*installed{}
		families, err := k.Tables()
		for _, f := range families {
			if found[f], err = k.readTable(f); err != nil {
				break
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read back: %w", err)
	}
	return compareTables(desired, found)
}

func compareTables(desired *rs.Ruleset, found map[rs.Family]*installed) ([]Drift, error) {
	c := &comparison{}
	for i := range desired.Tables {
		t := &desired.Tables[i]
		c.family, c.have = t.Family, found[t.Family]
		delete(found, t.Family)
		if c.have == nil {
			c.report(Missing, "table")
			continue
		}
		if err := c.table(t); err != nil {
			return nil, err
		}
	}
	for family := range found {
		c.family = family
		c.report(Extra, "table")
	}
	slices.SortFunc(c.drift, func(a, b Drift) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Object, b.Object),
			cmp.Compare(a.Kind, b.Kind))
	})
	return c.drift, nil
}

// comparison walks a desired table and the installed one.
type comparison struct {
	family rs.Family
	have   *installed
	drift  []Drift
}

func (c *comparison) report(kind DriftKind, format string, args ...any) {
	d := Drift{Kind: kind, Family: c.family, Object: fmt.Sprintf(format, args...)}
	c.drift = append(c.drift, d)
}

func (c *comparison) table(t *rs.Table) error {
	if c.have.flags != 0 {
		c.report(Different, "table")
	}
	for _, name := range t.Counters {
		if !c.have.counters[name] {
			c.report(Missing, "counter %s", name)
		}
		delete(c.have.counters, name)
	}
	for name := range c.have.counters {
		c.report(Extra, "counter %s", name)
	}
	for i := range t.Sets {
		if err := c.set(&t.Sets[i]); err != nil {
			return err
		}
	}
	for i := range t.Chains {
		if err := c.chain(&t.Chains[i]); err != nil {
			return err
		}
	}
	// What was compared has been taken out.
	for name, as := range c.have.sets {
		if !isAnonymous(as) {
			c.report(Extra, "set %s", name)
		}
	}
	for name := range c.have.chains {
		c.report(Extra, "chain %s", name)
	}
	return nil
}
