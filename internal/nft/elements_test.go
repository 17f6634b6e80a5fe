// SPDX-License-Identifier: Apache-2.0

package nft_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/nft"
	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

func numbered(i int) rs.Key {
	return rs.Key(binary.BigEndian.AppendUint32(nil, 10<<24|uint32(i)))
}

// manySets are sets of n elements each, of every kind of storage.
func manySets(n int) []rs.Set {
	to := rs.Verdict{Kind: rs.GotoVerdict, Chain: strings.Repeat("long-name-", 20) + "end"}
	sets := []rs.Set{
		{Name: "hash", Types: []rs.Type{rs.TypeIPv4}},
		{Name: "pairs", Types: []rs.Type{rs.TypeIfname, rs.TypeIPv4}},
		{Name: "intervals", Types: []rs.Type{rs.TypeIPv4}, Interval: true},
		{Name: "verdicts", Types: []rs.Type{rs.TypeMark}, Verdicts: true},
	}
	comment := strings.Repeat("c", rs.MaxComment)
	for i := range n {
		add := func(set int, e rs.Element) {
			sets[set].Elements = append(sets[set].Elements, e)
		}
		add(0, rs.Element{Key: numbered(i)})
		add(1, rs.Element{Key: rs.Join(rs.Ifname("veth0"), numbered(i))})
		add(2, rs.Element{Key: numbered(i * 4), Last: numbered(i*4 + 2)})
		add(3, rs.Element{Key: numbered(i), Verdict: to, Comment: comment})
	}
	return sets
}

// Every element of a large set is really there, and goes away again.
func TestLargeSets(t *testing.T) {
	const n = 20_000
	h := newHost(t)
	sets := manySets(n)
	target := rs.Chain{Name: sets[3].Elements[0].Verdict.Chain}
	r := &rs.Ruleset{Tables: []rs.Table{{Family: rs.IP, Sets: sets, Chains: []rs.Chain{target}}}}
	r.Sort()
	h.install(t, r)
	if got := h.drift(t, r); len(got) > 0 {
		t.Fatalf("got %d differences, first %s; want none", len(got), got[0])
	}
	for _, s := range sets {
		kind := "set"
		if s.Verdicts {
			kind = "map"
		}
		listing := h.ns.Run(t, "nft", "list", kind, "ip", rs.TableName, s.Name)
		if got := strings.Count(listing, ",") + 1; got != n {
			t.Errorf("set %s: got %d elements in nft's listing, want %d", s.Name, got, n)
		}
	}
	empty := *r
	empty.Tables = []rs.Table{r.Tables[0]}
	empty.Tables[0].Sets = nil
	var ops []rs.Op
	for i := range sets {
		shape := sets[i]
		shape.Elements = nil
		empty.Tables[0].Sets = append(empty.Tables[0].Sets, shape)
		ops = append(ops, rs.Op{Kind: rs.DeleteElements, Set: &shape, Elements: sets[i].Elements})
	}
	h.apply(t, ops...)
	if got := h.drift(t, &empty); len(got) > 0 {
		t.Errorf("got %d differences, first %s; want none", len(got), got[0])
	}
}

// Many callers add their own element at the same time, with one handle and with others.
func TestParallelApplies(t *testing.T) {
	const callers = 64
	h := newHost(t)
	h.apply(t, table, addSet)
	errs := make(chan error)
	for i := range callers {
		go func() {
			k := h.Kernel
			if i%2 == 0 {
				var err error
				if k, err = nft.Open(nft.Options{NetNS: h.ns.FD()}); err != nil {
					errs <- err
					return
				}
				defer k.Close()
			}
			errs <- k.Apply(t.Context(), []rs.Op{peerOp(rs.AddElements, fmt.Sprintf("10.0.0.%d", i))})
		}()
	}
	for range callers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	found, err := h.DynamicElements(rs.IP, peers)
	if err != nil || len(found) != callers {
		t.Errorf("got %d elements, %v, want %d", len(found), err, callers)
	}
}
