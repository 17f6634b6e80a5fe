// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"context"
	"fmt"
	"maps"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// Totals is what packets have counted up to the moment of reading: refusals by flow, and all
// counters. The flows were read first, so that what a counter holds above the sum of its flows
// is either not noted by flow or younger than these.
type Totals struct {
	// Tables are the kernel's handles of our tables. A table that was made anew has another one,
	// and counts from zero.
	Tables map[rs.Family]uint64
	// Flows may lack an element that is there (see readFlows): a flow has ended only when its
	// last known Expires has passed.
	Flows    []FlowCount
	Counters map[CounterKey]Count
}

// Totals reads them on a socket of its own, which neither Apply nor any other method waits for.
// Transactions of ours and of others go on meanwhile; one that replaces a table makes it begin
// again.
func (k *Kernel) Totals(ctx context.Context) (Totals, error) {
	s, err := k.totalsSocket()
	if err != nil {
		return Totals{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var t Totals
	err = retry(func() error {
		var err error
		t, err = s.totals(ctx)
		return err
	})
	if err != nil {
		return Totals{}, fmt.Errorf("totals: %w", err)
	}
	return t, nil
}

// totalsSocket is opened when it is first asked for: most processes read no totals.
func (k *Kernel) totalsSocket() (*socket, error) {
	k.totals.Lock()
	defer k.totals.Unlock()
	if k.counting != nil {
		return k.counting, nil
	}
	var err error
	k.counting, err = openSocket(k.netns)
	return k.counting, err
}

func (s *socket) totals(ctx context.Context) (Totals, error) {
	t := Totals{Counters: map[CounterKey]Count{}}
	var err error
	if t.Tables, err = s.tableHandles(); err != nil {
		return t, err
	}
	for _, of := range flowSets {
		if err := ctx.Err(); err != nil {
			return t, err
		}
		if _, there := t.Tables[of.family]; !there {
			continue
		}
		if t.Flows, err = s.readFlows(of, t.Flows); err != nil {
			return t, err
		}
	}
	for family := range t.Tables {
		if err := s.countersOf(family, t.Counters); err != nil {
			return t, err
		}
	}
	after, err := s.tableHandles()
	if err == nil && !maps.Equal(t.Tables, after) {
		err = ErrInterrupted
	}
	return t, err
}

// attrTableHandle is NFTA_TABLE_HANDLE of linux/netfilter/nf_tables.h, missing in x/sys.
const attrTableHandle = 4

// tableHandles are the handles of our tables.
func (s *socket) tableHandles() (map[rs.Family]uint64, error) {
	found := map[rs.Family]uint64{}
	err := retry(func() error {
		clear(found)
		return s.each(unix.NFT_MSG_GETTABLE, unix.NLM_F_DUMP, unix.AF_UNSPEC, nil,
			func(m message) {
				as := m.attrs()
				if f, ok := familyOf(m.family()); ok &&
					findString(as, unix.NFTA_TABLE_NAME) == rs.TableName {
					found[f] = findU64(as, attrTableHandle)
				}
			})
	})
	if err != nil {
		return nil, fmt.Errorf("tables: %w", err)
	}
	return found, nil
}
