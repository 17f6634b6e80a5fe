// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// chainOf is an IP table with sets and one regular chain "c" of the given rule.
func chainOf(s ...Statement) *Ruleset {
	return &Ruleset{Tables: []Table{{Family: IP, Sets: []Set{
		{Name: "marks", Types: []Type{TypeMark}},
		{Name: "ports", Types: []Type{TypeService}, Verdicts: true}},
		Chains: []Chain{{Name: "base", Base: &Base{Hook: Input}},
			{Name: "c", Rules: []Rule{rule(s...)}}}}}}
}

func setOf(s Set) *Ruleset {
	s.Name = "s"
	return &Ruleset{Tables: []Table{{Family: IP, Sets: []Set{s},
		Chains: []Chain{{Name: "base", Base: &Base{Hook: Input}}}}}}
}

var (
	markOnly = []Field{PacketMark}
	portType = []Type{TypeService}
	unmasked = netip.MustParsePrefix("10.0.0.1/8")
)

// refused are invalid rulesets by a part of the error.
var refused = map[string]*Ruleset{
	"table ip: is not in order":     {Tables: []Table{{Family: IP6}, {Family: IP}}},
	"unknown family":                {Tables: []Table{{Family: 9}}},
	"is a word of the nft language": {Tables: []Table{{Counters: []string{"log"}}}},
	"counter a: is not in order":    {Tables: []Table{{Counters: []string{"b", "a"}}}},
	"unknown hook": {Tables: []Table{{Chains: []Chain{{Name: "c",
		Base: &Base{Hook: 9}}}}}},
	"is empty":                    chainOf(),
	"chain \"x\", which does not": chainOf(jump("x")),
	"which is a base chain":       chainOf(jump("base")),
	"c leads to itself":           chainOf(goTo("c")),
	"goes on after":               chainOf(accept, drop),
	"has a verdict with a chain":  chainOf(Verdict{Kind: DropVerdict, Chain: "c"}),
	"has no verdict":              chainOf(Verdict{}),
	"counter \"x\" does not":      chainOf(CounterRef{"x"}),
	"set \"x\" does not exist":    chainOf(Lookup{Fields: markOnly, Set: "x"}),
	"used as a map":               chainOf(VerdictMap{markOnly, "marks"}),
	"map as a set":                chainOf(Lookup{Fields: []Field{DestPort}, Set: "ports"}),
	"not dynamic":                 chainOf(Update{Set: "marks", Fields: markOnly}),
	"lets nothing":                chainOf(Update{Set: "marks", Fields: markOnly, Limit: &Rate{}}),
	"has 1 fields, not 2":         chainOf(Lookup{Fields: []Field{CTMark, CTMark}, Set: "marks"}),
	"keyed by ct orig":            chainOf(Lookup{Fields: []Field{CTOrigSaddr}, Set: "marks"}),
	"ip6 saddr does not exist":    chainOf(is(IP6Saddr, ip("::1"))),
	"has 4 bytes, not 2":          chainOf(is(IPSaddr, Word(1))),
	"interface":                   chainOf(is(IIFName, Ifname("a*"))),
	"no name prefix":              chainOf(NamePrefix{IPSaddr, "a"}),
	"cannot be masked":            chainOf(Masked{Field: IPSaddr, Mask: 1}),
	"hides a part":                chainOf(Masked{Field: CTMark, Mask: 1, Value: 2}),
	"wider than":                  chainOf(Masked{Field: TCPFlags, Mask: 0x100}),
	"anonymous set is empty":      chainOf(OneOf{Field: L4Proto}),
	"holds a value twice":         chainOf(OneOf{L4Proto, false, []Key{Byte(1), Byte(1)}}),
	"cannot be in 10.0.0.1/8":     chainOf(InPrefix{IPSaddr, false, unmasked}),
	"ct state is":                 chainOf(States{}),
	"exthdr does not":             chainOf(RoutingHeader{}),
	"without a protocol":          chainOf(is(CTOrigPort, Word(1))),
	"has no type":                 setOf(Set{}),
	"has an unknown type":         setOf(Set{Types: []Type{99}}),
	"too long":                    setOf(Set{Types: []Type{5, 2, 2, 2, 2}}),
	"several fields":              setOf(Set{Types: []Type{1, 1}, Interval: true}),
	"its type has none":           setOf(Set{Types: []Type{TypeIfname}, Interval: true}),
	"raw key":                     setOf(Set{Types: []Type{TypeTarget}, Verdicts: true}),
	"is dynamic, but": setOf(Set{Types: portType, Dynamic: &Dynamic{},
		Elements: []Element{{Key: Word(1)}}}),
	"whole milliseconds": setOf(Set{Types: portType, Dynamic: &Dynamic{Timeout: time.Nanosecond}}),
	"key has 1 bytes":    setOf(Set{Types: portType, Elements: []Element{{Key: "x"}}}),
	"set of single keys": setOf(Set{Types: portType,
		Elements: []Element{{Key: Word(1), Last: Word(2)}}}),
	"is not a range": setOf(Set{Types: portType, Interval: true,
		Elements: []Element{{Key: Word(2), Last: Word(1)}}}),
	"or overlaps": setOf(Set{Types: portType, Interval: true,
		Elements: []Element{{Key: Word(1), Last: Word(5)}, {Key: Word(5)}}}),
	"verdict in a set": setOf(Set{Types: portType,
		Elements: []Element{{Key: Word(1), Verdict: drop}}}),
	"reject does not exist in": {Tables: []Table{{Family: Bridge, Chains: []Chain{
		{Name: "c", Rules: []Rule{rule(RejectWith{})}}}}}},
}

func TestValidateRefuses(t *testing.T) {
	for want, r := range refused {
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}

// ladder is a base chain that leads through n chains, half of them by way of a map.
func ladder(n int, hook Hook, end Statement) *Ruleset {
	t := Table{Family: IP}
	for i := n; i > 0; i-- {
		s := []Statement{end}
		if i < n {
			s = []Statement{jump(fmt.Sprintf("c%d", i+1))}
		}
		if i < n && i%2 == 0 {
			name := fmt.Sprintf("m%d", i)
			t.Sets = append(t.Sets, Set{Name: name, Types: []Type{TypeService}, Verdicts: true,
				Elements: []Element{{Key: Word(1), Verdict: goTo(fmt.Sprintf("c%d", i+1))}}})
			s = []Statement{is(L4Proto, Byte(6)), VerdictMap{[]Field{DestPort}, name}}
		}
		t.Chains = append(t.Chains, Chain{Name: fmt.Sprintf("c%d", i), Rules: []Rule{rule(s...)}})
	}
	t.Chains = append(t.Chains, Chain{Name: "base", Base: &Base{Hook: hook},
		Rules: []Rule{rule(jump("c1"))}})
	r := &Ruleset{Tables: []Table{t}}
	r.Sort()
	return r
}

// The kernel and Validate refuse the same graphs.
func TestGraphIsJudgedAsTheKernelDoes(t *testing.T) {
	for _, row := range []struct {
		name  string
		r     *Ruleset
		valid bool
	}{
		{"15 jumps", ladder(15, Forward, accept), true},
		{"16 jumps", ladder(16, Forward, accept), false},
		{"reject behind forward", ladder(4, Forward, RejectWith{}), true},
		{"reject behind postrouting", ladder(4, Postrouting, RejectWith{}), false},
		{"loop", ladder(4, Forward, goTo("c2")), false},
	} {
		if err := row.r.Validate(); (err == nil) != row.valid {
			t.Errorf("%s: got error %v, want valid %t", row.name, err, row.valid)
		}
		if got := loads(t, namespace(t), row.r.String()); got != row.valid {
			t.Errorf("%s: kernel: got %t, want %t", row.name, got, row.valid)
		}
	}
}

// An element that is refused is named in the error, however wrong its keys are: a fuzzer found
// that naming it panicked.
func TestValidateNamesElementsOfAnyWidth(t *testing.T) {
	for typ := TypeIfname; typ <= TypeTarget; typ++ {
		for _, e := range []Element{
			{Key: "", Last: "\x01"},
			{Key: "\x01\x02\x03", Last: "\x01\x02\x03\x04"},
			{Key: "\x01", Last: Key(make([]byte, 70))},
		} {
			s := Set{Name: "s", Types: []Type{typ}, Interval: true, Elements: []Element{e}}
			r := &Ruleset{Tables: []Table{{Family: Bridge, Sets: []Set{s}}}}
			if err := r.Validate(); err == nil {
				t.Errorf("%s %x-%x: got no error", typ, e.Key, e.Last)
			}
		}
	}
}
