// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"errors"
	"slices"
	"testing"
)

func TestDiffOfEqualRulesetsIsEmpty(t *testing.T) {
	for seed := range uint64(200) {
		a, b := newGenerator(seed).ruleset(), newGenerator(seed).ruleset()
		if ops := Diff(a, b); len(ops) > 0 {
			t.Fatalf("seed %d: got\n%s, want nothing", seed, OpsText(ops))
		}
	}
	if ops := Diff(sample(), sample()); len(ops) > 0 {
		t.Errorf("sample: got\n%s, want nothing", OpsText(ops))
	}
}

// From any ruleset to any other: what Diff says, applied, is the other one.
func TestAppliedDiff(t *testing.T) {
	kinds := make(map[OpKind]int)
	for seed := range uint64(2000) {
		g := newGenerator(seed)
		a, b := g.ruleset(), g.ruleset()
		for _, pair := range [][2]*Ruleset{{a, b}, {nil, b}, {a, nil}} {
			ops := Diff(pair[0], pair[1])
			for _, op := range ops {
				kinds[op.Kind]++
			}
			got, err := Applied(pair[0], ops)
			if err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, OpsText(ops))
			}
			want := pair[1]
			if want == nil {
				want = &Ruleset{}
			}
			if got.String() != want.String() || got.Hash() != want.Hash() {
				t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got, want)
			}
		}
	}
	for kind := AddTable; kind <= DeleteElements; kind++ {
		if kinds[kind] < 100 {
			t.Errorf("operation %d: got %d times, want 100 at least", kind, kinds[kind])
		}
	}
}

// What two rulesets share is not compared, and the difference is the same to the letter.
func TestDiffOfSharedRulesets(t *testing.T) {
	shared := 0
	for seed := range uint64(2000) {
		g := newGenerator(seed)
		a, b := g.ruleset(), g.ruleset()
		if seed%2 == 0 { // mostly the same
			b = newGenerator(seed).ruleset()
			for i := range b.Tables {
				b.Tables[i].Sets = b.Tables[i].Sets[len(b.Tables[i].Sets)/2:]
				if n := len(b.Tables[i].Chains); n > 0 {
					b.Tables[i].Chains[n/2].Base = &Base{Hook: Input, Priority: int(seed)}
				}
			}
		}
		before, want := a.String(), OpsText(Diff(a, b))
		c := b.Shared(a)
		if c.String() != b.String() || a.String() != before {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, c, b)
		}
		if got := OpsText(Diff(a, c)); got != want {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got, want)
		}
		for i := range c.Tables {
			if from := a.table(c.Tables[i].Family); from != nil {
				shared += sharedSets(newIndex(from), &c.Tables[i])
			}
		}
	}
	if shared < 1000 {
		t.Errorf("got %d shared sets, want 1000 at least", shared)
	}
}

func sharedSets(from *index, to *Table) int {
	n := 0
	for i := range to.Sets {
		if s := from.sets[to.Sets[i].Name]; s != nil && len(s.Elements) > 0 &&
			same(s.Elements, to.Sets[i].Elements) {
			n++
		}
	}
	return n
}

// The same with the kernel as judge: it takes the transaction, and lists what it lists when
// the other ruleset is loaded afresh.
func TestKernelTakesDiff(t *testing.T) {
	walked, fresh := namespace(t), namespace(t)
	g := newGenerator(7)
	var state *Ruleset
	for step := range 40 {
		next := g.ruleset()
		if step%13 == 12 {
			next = &Ruleset{}
		}
		load(t, walked, OpsText(Diff(state, next)))
		load(t, fresh, "flush ruleset\n"+next.String())
		if got, want := listing(t, walked), listing(t, fresh); got != want {
			t.Fatalf("step %d: got\n%s\nwant\n%s\nafter\n%s", step, got, want,
				OpsText(Diff(state, next)))
		}
		state = next
	}
}

func TestDiffTouchesOnlyWhatChanged(t *testing.T) {
	a, b := sample(), sample()
	bind := &b.Tables[0].Sets[0]
	bind.Elements[0] = Element{Key: Join(Ifname("br0"), ip("10.9.2.1"))}
	ops := Diff(a, b)
	want := "delete element ip bulkhead bind { \"br0\" . 10.9.2.2 }\n" +
		"add element ip bulkhead bind { \"br0\" . 10.9.2.1 }\n"
	if got := OpsText(ops); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAppliedRefuses(t *testing.T) {
	set := &Set{Name: "s", Types: []Type{TypeMark}}
	vmap := &Set{Name: "m", Types: []Type{TypeService}, Verdicts: true, Interval: true}
	chain := &Chain{Name: "c"}
	user := &Chain{Name: "u", Rules: []Rule{
		rule(Lookup{Fields: []Field{PacketMark}, Set: "s"}, CounterRef{"k"}, jump("c"))}}
	toC := Element{Key: Word(1), Last: Word(9), Verdict: goTo("c")}
	before := []Op{{Kind: AddTable}, {Kind: AddCounter, Counter: "k"}, {Kind: AddSet, Set: set},
		{Kind: AddSet, Set: vmap}, {Kind: AddChain, Chain: chain}, {Kind: AddChain, Chain: bare(user)},
		{Kind: AddRules, Chain: user}, {Kind: AddElements, Set: vmap, Elements: []Element{toC}}}
	flush := Op{Kind: FlushChain, Chain: user}
	within := Element{Key: Word(5), Verdict: drop}
	for name, row := range map[string]struct {
		ops  []Op
		want error
	}{
		"table twice":         {[]Op{{Kind: AddTable}}, errExists},
		"table missing":       {[]Op{{Kind: DeleteTable, Family: IP6}}, errMissing},
		"counter twice":       {[]Op{{Kind: AddCounter, Counter: "k"}}, errExists},
		"counter in use":      {[]Op{{Kind: DeleteCounter, Counter: "k"}}, errInUse},
		"set in use":          {[]Op{{Kind: DeleteSet, Set: set}}, errInUse},
		"set missing":         {[]Op{{Kind: DeleteSet, Set: &Set{Name: "x"}}}, errMissing},
		"chain in use":        {[]Op{{Kind: DeleteChain, Chain: chain}}, errInUse},
		"chain in use by map": {[]Op{flush, {Kind: DeleteChain, Chain: chain}}, errInUse},
		"chain not empty":     {[]Op{{Kind: DeleteChain, Chain: user}}, errInUse},
		"overlap": {[]Op{{Kind: AddElements, Set: vmap, Elements: []Element{within}}},
			errExists},
		"element missing": {[]Op{{Kind: DeleteElements, Set: vmap, Elements: []Element{within}}},
			errMissing},
		"element twice": {[]Op{{Kind: DeleteElements, Set: vmap, Elements: []Element{toC, toC}}},
			errMissing},
		"rule to nowhere": {[]Op{{Kind: AddRules, Chain: &Chain{Name: "u",
			Rules: []Rule{rule(jump("x"))}}}}, errMissing},
		"element to nowhere": {[]Op{{Kind: AddElements, Set: vmap,
			Elements: []Element{{Key: Word(70), Verdict: goTo("x")}}}}, errMissing},
		"all let go": {[]Op{flush, {Kind: DeleteElements, Set: vmap, Elements: []Element{toC}},
			{Kind: DeleteChain, Chain: chain}, {Kind: DeleteSet, Set: set},
			{Kind: DeleteCounter, Counter: "k"}, {Kind: DeleteChain, Chain: user}}, nil},
		"map goes first": {[]Op{flush, {Kind: DeleteSet, Set: vmap},
			{Kind: DeleteChain, Chain: chain}}, nil},
	} {
		if _, err := Applied(nil, slices.Concat(before, row.ops)); !errors.Is(err, row.want) {
			t.Errorf("%s: got error %v, want %v", name, err, row.want)
		}
	}
}
