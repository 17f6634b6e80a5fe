// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// Names of the sets of marks, in table ip, in which a transaction states what is in force.
const (
	generationSet = "generation"
	liveSet       = "live"
)

// Generation is the generation that the last transaction stated, the only element of the set
// "generation". ok is false when there is no such set, or nothing in it.
func (k *Kernel) Generation() (gen uint32, ok bool, err error) {
	marks, err := k.marks(generationSet)
	if err != nil || len(marks) == 0 {
		return 0, false, err
	}
	if len(marks) > 1 {
		return 0, false, fmt.Errorf("set %s: %d elements, want one", generationSet, len(marks))
	}
	return marks[0], true, nil
}

// Live is the epochs whose flows pass without being judged again: the set "live", empty when
// there is no such set.
func (k *Kernel) Live() ([]uint32, error) { return k.marks(liveSet) }

func (k *Kernel) marks(set string) ([]uint32, error) {
	es, err := k.elementsOf(rs.IP, set)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var marks []uint32
	for _, as := range es {
		key := decodeElement(as).key
		if len(key) != 4 {
			return nil, fmt.Errorf("set %s: key of %d bytes, want 4", set, len(key))
		}
		marks = append(marks, binary.NativeEndian.Uint32(key))
	}
	return marks, nil
}

// Present tells whether any table of ours exists.
func (k *Kernel) Present() (bool, error) {
	found, err := k.Tables()
	return len(found) > 0, err
}

// CounterKey names a counter object of ours.
type CounterKey struct {
	Family rs.Family
	Name   string
}

// Counters reads all counter objects of our tables, without resetting them.
func (k *Kernel) Counters(ctx context.Context) (map[CounterKey]Count, error) {
	found := map[CounterKey]Count{}
	for f := range families {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("counters: %w", err)
		}
		if err := k.countersOf(rs.Family(f), found); err != nil {
			return nil, fmt.Errorf("counters: %w", err)
		}
	}
	return found, nil
}

func (k *Kernel) countersOf(family rs.Family, into map[CounterKey]Count) error {
	k.reader.mu.Lock()
	defer k.reader.mu.Unlock()
	return k.reader.countersOf(family, into)
}

func (s *socket) countersOf(family rs.Family, into map[CounterKey]Count) error {
	body := attrs(nil).str(unix.NFTA_OBJ_TABLE, rs.TableName).
		u32(unix.NFTA_OBJ_TYPE, unix.NFT_OBJECT_COUNTER)
	var ms []message
	err := retry(func() error {
		var err error
		ms, err = s.request(unix.NFT_MSG_GETOBJ, unix.NLM_F_DUMP, families[family], body)
		return err
	})
	if err != nil {
		return err
	}
	for _, m := range ms {
		as := m.attrs()
		if findString(as, unix.NFTA_OBJ_TABLE) != rs.TableName {
			continue
		}
		name := CounterKey{Family: family, Name: findString(as, unix.NFTA_OBJ_NAME)}
		into[name] = decodeCount(findNest(as, unix.NFTA_OBJ_DATA))
	}
	return nil
}

// Counted is an element of a dynamic set. Its Key is in ruleset's form.
type Counted struct {
	Key rs.Key
	Count
}

// DynamicElements reads a set that packets fill. The set says which types its key has and
// whether its elements are counted. fs.ErrNotExist if it is not there.
func (k *Kernel) DynamicElements(family rs.Family, set *rs.Set) ([]Counted, error) {
	es, err := k.elementsOf(family, set.Name)
	if err != nil {
		return nil, err
	}
	found := make([]Counted, 0, len(es))
	for _, as := range es {
		found = append(found, Counted{
			Key:   rs.Key(swapMarks(set.Types, decodeElement(as).key)),
			Count: elementCount(as),
		})
	}
	return found, nil
}

// Remove deletes our tables and what is in them, as one transaction. That none is there is no
// error.
func (k *Kernel) Remove() error {
	for range readAttempts {
		found, err := k.Tables()
		if err != nil || len(found) == 0 {
			return err
		}
		ops := make([]rs.Op, len(found))
		for i, f := range found {
			ops[i] = rs.Op{Kind: rs.DeleteTable, Family: f}
		}
		// A table that somebody else deleted meanwhile fails the transaction: look again.
		err = k.Apply(context.Background(), ops)
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("tables: %w", ErrInterrupted)
}
