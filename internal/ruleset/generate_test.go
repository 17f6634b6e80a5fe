// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"time"
)

// generator makes random valid rulesets. Each object is one of a few variants of its name, so
// that two rulesets share some objects, differ in others, and replace a third kind.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) *generator { return &generator{rand.New(rand.NewPCG(seed, 0))} }

// ruleset draws until the kernel would take the result.
func (g *generator) ruleset() *Ruleset {
	for {
		r := &Ruleset{}
		for _, family := range []Family{IP, IP6, Bridge} {
			if g.IntN(6) > 0 {
				r.Tables = append(r.Tables, g.table(family))
			}
		}
		r.Sort()
		if r.Validate() == nil {
			return r
		}
	}
}

// variant is a generator that depends on a name and one of a few numbers only.
func (g *generator) variant(name string, n int) *generator {
	h := fnv.New64a()
	h.Write([]byte(name))
	return &generator{rand.New(rand.NewPCG(h.Sum64(), uint64(g.IntN(n))))}
}

func (g *generator) table(family Family) Table {
	t := Table{Family: family}
	for _, name := range []string{"k1", "k2", "k3"} {
		if g.IntN(3) > 0 {
			t.Counters = append(t.Counters, name)
		}
	}
	for i := range 6 {
		if g.IntN(4) > 0 {
			t.Chains = append(t.Chains, Chain{Name: fmt.Sprintf("c%d", i)})
		}
	}
	for i := range 6 {
		if name := fmt.Sprintf("s%d", i); g.IntN(4) > 0 {
			t.Sets = append(t.Sets, g.variant(family.String()+name, 3).set(name, &t))
		}
	}
	for i, name := range []string{"b-prerouting", "b-input", "b-forward", "b-output", "b-last"} {
		if g.IntN(2) > 0 {
			t.Chains = append(t.Chains, Chain{Name: name,
				Base: &Base{Hook: Hook(i), Priority: g.IntN(2) * 10}})
		}
	}
	for i := range t.Chains {
		c := &t.Chains[i]
		v := g.variant(family.String()+c.Name, 3)
		for range v.IntN(5) {
			c.Rules = append(c.Rules, v.rule(&t, i))
		}
	}
	return t
}

func (g *generator) address(family Family) Key {
	if family == IP6 {
		return Addr(netip.AddrFrom16([16]byte{0xfd, 15: byte(g.IntN(20))}))
	}
	return Addr(netip.AddrFrom4([4]byte{10, 0, 0, byte(g.IntN(20))}))
}

func (g *generator) set(name string, t *Table) Set {
	address := TypeIPv4
	if t.Family == IP6 {
		address = TypeIPv6
	}
	shapes := [][]Type{{address}, {TypeIfname, address}, {TypeService}, {TypeMark},
		{address, TypeProto, TypeService}, {TypeIfname, TypeEther, address}}
	s := Set{Name: name, Types: shapes[g.IntN(len(shapes))]}
	switch g.IntN(5) {
	case 0:
		s.Dynamic = &Dynamic{Size: 128, Timeout: time.Minute, Counter: g.IntN(2) > 0}
		return s
	case 1:
		s.Verdicts = true
	}
	s.Interval = len(s.Types) == 1 && g.IntN(2) > 0
	seen := make(map[Key]bool)
	for range g.IntN(8) {
		e := g.element(&s, t)
		if !seen[e.Key] {
			s.Elements = append(s.Elements, e)
		}
		seen[e.Key] = true
	}
	if s.Interval {
		s.Elements = disjoint(s.Elements)
	}
	return s
}

// disjoint drops the elements that overlap one before them.
func disjoint(list []Element) []Element {
	r := Ruleset{Tables: []Table{{Sets: []Set{{Elements: list}}}}}
	r.Sort()
	var kept []Element
	for _, e := range r.Tables[0].Sets[0].Elements {
		if len(kept) == 0 || kept[len(kept)-1].last() < e.Key {
			kept = append(kept, e)
		}
	}
	return kept
}

func (g *generator) element(s *Set, t *Table) Element {
	var parts []Key
	for _, typ := range s.Types {
		parts = append(parts, g.key(typ))
	}
	e := Element{Key: Join(parts...)}
	if s.Interval && g.IntN(2) > 0 {
		last := []byte(e.Key)
		last[len(last)-1] += byte(1 + g.IntN(4))
		e.Last = Key(last)
	}
	if g.IntN(4) == 0 {
		e.Comment = "note " + string(rune('a'+g.IntN(3)))
	}
	if s.Verdicts {
		e.Verdict = drop
		if c := g.target(t, -1); c != "" && g.IntN(4) > 0 {
			e.Verdict = goTo(c)
		}
	}
	return e
}

func (g *generator) key(t Type) Key {
	switch t {
	case TypeIfname:
		return Ifname([]string{"va", "vb", "br0"}[g.IntN(3)])
	case TypeIPv4:
		return g.address(IP)
	case TypeIPv6:
		return g.address(IP6)
	case TypeEther:
		return Ether([6]byte{2, 5: byte(g.IntN(3))})
	case TypeMark:
		return Mark(uint32(g.IntN(16)))
	case TypeProto:
		return Byte([]uint8{6, 17, 132}[g.IntN(3)])
	case TypeService:
		return Word(uint16(g.IntN(20)))
	}
	panic("no such type")
}

// target is a regular chain behind chain i, so that no loop comes about. Maps lead to c4 and
// c5 only, and only c0 to c3 use them.
func (g *generator) target(t *Table, i int) string {
	var names []string
	for j, c := range t.Chains {
		if c.Base == nil && (i < 0 && c.Name >= "c4" || i >= 0 && (j > i || t.Chains[i].Base != nil)) {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return names[g.IntN(len(names))]
}

// rule is one for chain i of the table.
func (g *generator) rule(t *Table, i int) Rule {
	r := Rule{}
	if g.IntN(3) == 0 {
		r.Comment = "policy " + string(rune('a'+g.IntN(3)))
	}
	for range g.IntN(3) {
		r.Statements = append(r.Statements, g.match(t)...)
	}
	if len(t.Counters) > 0 && g.IntN(2) > 0 {
		r.Statements = append(r.Statements, CounterRef{t.Counters[g.IntN(len(t.Counters))]})
	}
	r.Statements = append(r.Statements, g.end(t, i)...)
	return r
}

func (g *generator) end(t *Table, i int) []Statement {
	usesMaps := t.Chains[i].Base != nil || t.Chains[i].Name < "c4"
	switch g.IntN(7) {
	case 0:
		return []Statement{drop}
	case 1:
		return []Statement{back}
	case 2:
		return []Statement{SetMark{Keep: 0xff00, Or: uint32(g.IntN(4))}}
	case 3:
		if t.Family != Bridge {
			return []Statement{RejectWith{}}
		}
	case 4:
		if s := g.pickSet(t, func(s *Set) bool { return s.Verdicts }); s != nil && usesMaps {
			return []Statement{VerdictMap{Map: s.Name, Fields: keyedBy(s, t.Family)}}
		}
	}
	if c := g.target(t, i); c != "" {
		return []Statement{Verdict{Kind: []VerdictKind{JumpVerdict, GotoVerdict}[g.IntN(2)], Chain: c}}
	}
	return []Statement{accept}
}

func (g *generator) match(t *Table) []Statement {
	if s := g.pickSet(t, func(s *Set) bool { return !s.Verdicts }); s != nil && g.IntN(2) > 0 {
		if s.Dynamic != nil && g.IntN(2) > 0 {
			return []Statement{Update{Set: s.Name, Fields: keyedBy(s, t.Family)}}
		}
		return []Statement{Lookup{Set: s.Name, Fields: keyedBy(s, t.Family), Not: g.IntN(3) == 0}}
	}
	switch g.IntN(3) {
	case 0:
		return []Statement{OneOf{Field: L4Proto, Values: []Key{Byte(6), Byte(17)}, Not: g.IntN(2) > 0}}
	case 1:
		return []Statement{Masked{Field: PacketMark, Mask: 0xff, Value: uint32(g.IntN(4))}}
	}
	return []Statement{Compare{Field: IIFName, Value: Ifname("va"), Not: g.IntN(2) > 0}}
}

func (g *generator) pickSet(t *Table, want func(*Set) bool) *Set {
	var found []*Set
	for i := range t.Sets {
		if want(&t.Sets[i]) {
			found = append(found, &t.Sets[i])
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[g.IntN(len(found))]
}

// keyedBy is a field for each type of a set.
func keyedBy(s *Set, family Family) []Field {
	byType := map[Type]Field{TypeIfname: IIFName, TypeIPv4: IPSaddr, TypeIPv6: IP6Saddr,
		TypeEther: EtherSaddr, TypeMark: PacketMark, TypeProto: L4Proto, TypeService: DestPort}
	var list []Field
	for _, t := range s.Types {
		list = append(list, byType[t])
	}
	return list
}
