// SPDX-License-Identifier: Apache-2.0

package nft_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/nft"
	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

var (
	peers = &rs.Set{Name: "peers", Types: []rs.Type{rs.TypeIPv4}}
	count = &rs.Chain{Name: "count", Rules: []rs.Rule{{Statements: []rs.Statement{
		rs.CounterRef{Name: "seen"}, rs.Verdict{Kind: rs.DropVerdict}}}}}
	table   = rs.Op{Kind: rs.AddTable, Family: rs.IP}
	seen    = rs.Op{Kind: rs.AddCounter, Family: rs.IP, Counter: "seen"}
	addSet  = rs.Op{Kind: rs.AddSet, Family: rs.IP, Set: peers}
	addPeer = peerOp(rs.AddElements, "10.0.0.1")
	addRule = rs.Op{Kind: rs.AddRules, Family: rs.IP, Chain: count}
	addBase = rs.Op{Kind: rs.AddChain, Family: rs.IP, Chain: count}
)

func peerOp(kind rs.OpKind, addrs ...string) rs.Op {
	op := rs.Op{Kind: kind, Family: rs.IP, Set: peers}
	for _, a := range addrs {
		op.Elements = append(op.Elements, rs.Element{Key: rs.Addr(netip.MustParseAddr(a))})
	}
	return op
}

// Each operation is applied by itself; what nft lists then must (not) contain a text.
func TestEveryOperation(t *testing.T) {
	h := newHost(t)
	op := func(kind rs.OpKind) rs.Op {
		return rs.Op{Kind: kind, Family: rs.IP, Set: peers, Chain: count, Counter: "seen"}
	}
	for _, c := range []struct {
		name          string
		op            rs.Op
		shown, hidden string
	}{
		{"add table", table, "table ip bulkhead", ""},
		{"add counter", seen, "counter seen", ""},
		{"add set", addSet, "set peers", ""},
		{"add elements", peerOp(rs.AddElements, "10.0.0.1", "10.0.0.2"), "10.0.0.2", ""},
		{"delete elements", peerOp(rs.DeleteElements, "10.0.0.2"), "10.0.0.1", "10.0.0.2"},
		{"add chain", addBase, "chain count", ""},
		{"add rules", addRule, `counter name "seen" drop`, ""},
		{"flush chain", op(rs.FlushChain), "chain count", "drop"},
		{"delete chain", op(rs.DeleteChain), "set peers", "chain count"},
		{"delete counter", op(rs.DeleteCounter), "set peers", "counter seen"},
		{"delete set", op(rs.DeleteSet), "table ip", "set peers"},
		{"delete table", op(rs.DeleteTable), "", "table"},
	} {
		if err := h.Apply(t.Context(), []rs.Op{c.op}); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got := h.list(t)
		if !strings.Contains(got, c.shown) || (c.hidden != "" && strings.Contains(got, c.hidden)) {
			t.Errorf("%s: got\n%swant %q and not %q", c.name, got, c.shown, c.hidden)
		}
	}
}

func TestApplyOfNothing(t *testing.T) {
	h := newHost(t)
	for _, ops := range [][]rs.Op{nil, {peerOp(rs.AddElements)}} {
		if err := h.Apply(t.Context(), ops); err != nil {
			t.Errorf("Apply(%v): got %v, want nil", ops, err)
		}
	}
}

func TestApplyNamesWhatWasRefused(t *testing.T) {
	chain := func(family rs.Family, statements ...rs.Statement) []rs.Op {
		c := &rs.Chain{Name: "c", Rules: []rs.Rule{{Statements: statements}}}
		return []rs.Op{
			{Kind: rs.AddTable, Family: family},
			{Kind: rs.AddChain, Family: family, Chain: c},
			{Kind: rs.AddRules, Family: family, Chain: c},
		}
	}
	lookup := rs.Lookup{Fields: []rs.Field{rs.IPSaddr}, Set: "nowhere"}
	wide := rs.Compare{Field: rs.IPSaddr, Value: rs.Word(1)}
	mark := rs.SetMark{CT: true, Keep: 1, Or: 2}
	for _, c := range []struct {
		ops  []rs.Op
		want string
		is   error
	}{
		{[]rs.Op{addSet}, "add set ip bulkhead peers: no such file or directory", fs.ErrNotExist},
		{[]rs.Op{table, addSet, addSet}, "add set ip bulkhead peers: file exists", fs.ErrExist},
		{[]rs.Op{table, addSet, addPeer, addPeer}, "add elements ip bulkhead peers: file exists",
			fs.ErrExist},
		{[]rs.Op{table, addSet, peerOp(rs.DeleteElements, "10.9.9.9")},
			"delete elements ip bulkhead peers: no such file or directory", fs.ErrNotExist},
		{[]rs.Op{table, {Kind: rs.DeleteChain, Chain: count}},
			"delete chain ip bulkhead count: no such file or directory", fs.ErrNotExist},
		{[]rs.Op{table, {Kind: rs.FlushChain, Chain: count}},
			"flush chain ip bulkhead count: no such file or directory", fs.ErrNotExist},
		{[]rs.Op{table, {Kind: rs.DeleteSet, Set: peers}},
			"delete set ip bulkhead peers: no such file or directory", fs.ErrNotExist},
		{[]rs.Op{table, {Kind: rs.DeleteCounter, Counter: "c"}},
			"delete counter ip bulkhead c: no such file or directory", fs.ErrNotExist},
		{[]rs.Op{{Kind: rs.DeleteTable}},
			"delete table ip bulkhead: no such file or directory", fs.ErrNotExist},
		{[]rs.Op{table, table}, "add table ip bulkhead: file exists", fs.ErrExist},
		{chain(rs.IP, lookup), "add rules ip bulkhead c: lookup: no such file or directory",
			fs.ErrNotExist},
		{chain(rs.IP, wide), "add rules ip bulkhead c: rule 1: value of 2 bytes: the field has 4",
			nil},
		// This kernel has neither reject nor conntrack in the bridge family.
		{chain(rs.Bridge, rs.RejectWith{}),
			"add rules bridge bulkhead c: reject: not supported by this kernel or at this hook",
			nft.ErrNotSupported},
		{chain(rs.Bridge, mark),
			"add rules bridge bulkhead c: ct: not supported by this kernel or at this hook",
			errors.ErrUnsupported},
	} {
		h := newHost(t)
		err := h.Apply(t.Context(), c.ops)
		if err == nil || err.Error() != c.want || (c.is != nil && !errors.Is(err, c.is)) {
			t.Errorf("got error %v, want %s (%v)", err, c.want, c.is)
		}
		if got := h.list(t); got != "" {
			t.Errorf("%s: got\n%swant nothing applied", c.want, got)
		}
	}
}

// A transaction whose last operation fails changes nothing, in no table.
func TestRefusedTransactionChangesNothing(t *testing.T) {
	h := newHost(t)
	h.install(t, sample())
	before := h.list(t)
	ops := []rs.Op{
		{Kind: rs.DeleteTable, Family: rs.Bridge},
		{Kind: rs.DeleteTable, Family: rs.IP6},
		{Kind: rs.AddTable, Family: rs.IP6},
		addSet,
		peerOp(rs.AddElements, "10.0.0.1"),
		{Kind: rs.FlushChain, Family: rs.IP, Chain: &rs.Chain{Name: "slow"}},
		peerOp(rs.DeleteElements, "10.9.9.9"),
	}
	if err := h.Apply(t.Context(), ops); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v, want fs.ErrNotExist", err)
	}
	if after := h.list(t); sorted(after) != sorted(before) {
		t.Errorf("listing changed:\n%s", differences(after, before))
	}
}

// Thousands of refusals must not be mistaken for a lost answer.
func TestManyRefusals(t *testing.T) {
	h := newHost(t)
	h.apply(t, table, addSet)
	var ops []rs.Op
	for i := range 5000 {
		ops = append(ops, peerOp(rs.DeleteElements, fmt.Sprintf("10.0.%d.%d", i>>8, i&255)))
	}
	err := h.Apply(t.Context(), ops)
	if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, nft.ErrUnknownOutcome) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func TestApplyAfterCancel(t *testing.T) {
	h := newHost(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Apply(ctx, []rs.Op{table}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if got := h.list(t); got != "" {
		t.Errorf("got\n%swant nothing applied", got)
	}
}
