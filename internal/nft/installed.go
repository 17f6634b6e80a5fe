// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"fmt"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// installed is one table as the kernel reports it: the attributes of its objects.
type installed struct {
	family   rs.Family
	flags    uint32 // dormant, owned by a process: we set none
	chains   map[string][]attr
	rules    map[string][][]attr // by chain, in order
	sets     map[string][]attr
	elements map[string][]kernelElement // of the sets that packets do not fill
	counters map[string]bool
}

// readTable reads a whole table. Several tables, and several dumps, are consistent only
// inside a snapshot.
func (k *Kernel) readTable(family rs.Family) (*installed, error) {
	t := &installed{
		family:   family,
		chains:   map[string][]attr{},
		rules:    map[string][][]attr{},
		sets:     map[string][]attr{},
		elements: map[string][]kernelElement{},
		counters: map[string]bool{},
	}
	for _, read := range []func(*installed) error{
		k.readFlags, k.readChains, k.readRules, k.readSets, k.readElements, k.readCounters,
	} {
		if err := read(t); err != nil {
			return nil, fmt.Errorf("table %s %s: %w", family, rs.TableName, err)
		}
	}
	return t, nil
}

// objects dumps the objects of our table of a kind. The kernel filters only some kinds.
func (k *Kernel) objects(kind uint16, family rs.Family) ([][]attr, error) {
	const table = 1 // NFTA_*_TABLE
	ms, err := k.dump(kind, families[family], attrs(nil).str(table, rs.TableName))
	if err != nil {
		return nil, err
	}
	var found [][]attr
	for _, m := range ms {
		as := m.attrs()
		if findString(as, table) == rs.TableName && m.family() == families[family] {
			found = append(found, as)
		}
	}
	return found, nil
}

func (k *Kernel) readFlags(t *installed) error {
	found, err := k.objects(unix.NFT_MSG_GETTABLE, t.family)
	for _, as := range found {
		t.flags = findU32(as, unix.NFTA_TABLE_FLAGS)
	}
	return err
}

func (k *Kernel) readChains(t *installed) error {
	found, err := k.objects(unix.NFT_MSG_GETCHAIN, t.family)
	for _, as := range found {
		t.chains[findString(as, unix.NFTA_CHAIN_NAME)] = as
	}
	return err
}

func (k *Kernel) readRules(t *installed) error {
	found, err := k.objects(unix.NFT_MSG_GETRULE, t.family)
	for _, as := range found {
		chain := findString(as, unix.NFTA_RULE_CHAIN)
		t.rules[chain] = append(t.rules[chain], as)
	}
	return err
}

func (k *Kernel) readSets(t *installed) error {
	found, err := k.objects(unix.NFT_MSG_GETSET, t.family)
	for _, as := range found {
		t.sets[findString(as, unix.NFTA_SET_NAME)] = as
	}
	return err
}

func (k *Kernel) readElements(t *installed) error {
	for name, as := range t.sets {
		if findU32(as, unix.NFTA_SET_FLAGS)&unix.NFT_SET_EVAL != 0 {
			continue
		}
		es, err := k.elementsOf(t.family, name)
		if err != nil {
			return err
		}
		for _, e := range es {
			t.elements[name] = append(t.elements[name], decodeElement(e))
		}
	}
	return nil
}

func (k *Kernel) readCounters(t *installed) error {
	found := map[CounterKey]Count{}
	err := k.countersOf(t.family, found)
	for key := range found {
		t.counters[key.Name] = true
	}
	return err
}
