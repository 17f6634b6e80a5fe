// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"net/netip"
	"strings"
	"testing"
)

// client is a TCP segment from a container to a server, as the forward hook sees it.
func client() *Packet {
	return &Packet{IIF: "va", OIF: "vb", IIFKind: "veth", EtherSrc: mac,
		Src: netip.MustParseAddr("10.9.2.2"), Dst: netip.MustParseAddr("10.9.3.3"),
		Protocol: protoTCP, SrcPort: 40000, DstPort: 80, TCPFlags: 2,
		CT: Conntrack{State: StateNew, OrigSrc: netip.MustParseAddr("10.9.2.2"),
			ReplySrc: netip.MustParseAddr("10.9.3.3"), ReplyPort: 80, OrigPort: 80}}
}

func with(p *Packet, change func(*Packet)) *Packet {
	change(p)
	return p
}

// holds tells whether a rule with the one statement matches in a forward chain, or at another
// hook, among a few sets.
func holds(t *testing.T, family Family, at Base, p *Packet, s ...Statement) bool {
	t.Helper()
	table := Table{Family: family, Sets: []Set{
		{Name: "addresses", Types: []Type{TypeIPv4}, Interval: true, Elements: []Element{
			{Key: ip("10.9.2.0"), Last: ip("10.9.2.9")}, {Key: ip("10.9.3.3")}}},
		{Name: "bind", Types: []Type{TypeIfname, TypeProto, TypeService},
			Elements: []Element{{Key: Join(Ifname("va"), Byte(6), Word(80))}}},
		{Name: "epochs", Types: []Type{TypeMark}, Elements: []Element{{Key: Mark(0x50000)}}},
		{Name: "filled", Types: []Type{TypeService}, Dynamic: &Dynamic{Size: 9}},
		{Name: "ports", Types: []Type{TypeService}, Verdicts: true, Interval: true,
			Elements: []Element{{Key: Word(80), Last: Word(90), Verdict: drop}}},
	}, Chains: []Chain{{Name: "base", Base: &at, Rules: []Rule{rule(append(s, drop)...)}}}}
	if _, ok := s[len(s)-1].(VerdictMap); ok {
		table.Chains[0].Rules = []Rule{rule(s...)}
	}
	tracer, err := NewTracer(&Ruleset{Tables: []Table{table}})
	if err != nil {
		t.Fatal(err)
	}
	return tracer.Trace(family, at.Hook, p).Verdict == Dropped
}

var (
	atForward = Base{Hook: Forward}
	atRaw     = Base{Hook: Prerouting, Priority: -450}
	clients   = netip.MustParsePrefix("10.9.2.0/24")
	toUDP     = func(p *Packet) { p.Protocol = protoUDP }
	toICMP    = func(p *Packet) { p.Protocol, p.ICMPType = protoICMP, 8 }
	toInvalid = func(p *Packet) { p.CT.State = StateInvalid }
	unchanged = func(*Packet) {}
)

var matchRows = []struct {
	name   string
	at     Base
	change func(*Packet)
	want   bool
	match  Statement
}{
	{"name", atForward, unchanged, true, is(IIFName, Ifname("va"))},
	{"other name", atForward, unchanged, false, is(IIFName, Ifname("v"))},
	{"prefix of name", atForward, unchanged, true, NamePrefix{IIFName, "v"}},
	{"not prefix of name", atForward, unchanged, false, NamePrefix{OIFName, "va"}},
	{"no device differs", atForward, func(p *Packet) { p.IIF = "" }, true,
		Compare{IIFName, true, Ifname("va")}},
	{"no device has no kind", atForward, func(p *Packet) { p.IIF = "" }, false,
		Compare{IIFKind, true, Ifname("bridge")}},
	{"hardware has no kind", atForward, unchanged, false, Compare{OIFKind, true, Ifname("veth")}},
	{"kind", atForward, unchanged, true, is(IIFKind, Ifname("veth"))},
	{"protocol", atForward, unchanged, true, OneOf{L4Proto, false, []Key{Byte(17), Byte(6)}}},
	{"not protocol", atForward, unchanged, false, OneOf{L4Proto, true, []Key{Byte(17), Byte(6)}}},
	{"address in prefix", atForward, unchanged, true, InPrefix{IPSaddr, false, clients}},
	{"address not in prefix", atForward, unchanged, true, InPrefix{IPDaddr, true, clients}},
	{"header length", atForward, func(p *Packet) { p.IPOptions = true }, true,
		Compare{IPHdrLength, true, Byte(5)}},
	{"port", atForward, unchanged, true, is(DestPort, Word(80))},
	{"no port of icmp", atForward, toICMP, false, Compare{DestPort, true, Word(7)}},
	{"udp port of tcp", atForward, unchanged, false, is(UDPDestPort, Word(80))},
	{"udp port", atForward, toUDP, true, is(UDPDestPort, Word(80))},
	{"flags", atForward, unchanged, true, Masked{Field: TCPFlags, Mask: 0x17, Value: 2}},
	{"not flags of udp", atForward, toUDP, false, Masked{TCPFlags, 0x17, 0, true}},
	{"icmp type", atForward, toICMP, true, is(ICMPType, Byte(8))},
	{"icmp type of tcp", atForward, unchanged, false, Compare{ICMPType, true, Byte(8)}},
	{"state", atForward, unchanged, true, States{[]State{StateRelated, StateNew}}},
	{"not confirmed", atForward, unchanged, false, Confirmed{}},
	{"confirmed", atForward, func(p *Packet) { p.CT.Confirmed = true }, true, Confirmed{}},
	{"confirmed before conntrack", atRaw, func(p *Packet) { p.CT.Confirmed = true }, false,
		Confirmed{}},
	{"invalid", atForward, toInvalid, true, States{[]State{StateInvalid}}},
	{"invalid has no mark", atForward, toInvalid, false, Compare{CTMark, true, Mark(9)}},
	{"invalid has no direction", atForward, toInvalid, false, is(CTDirection, Byte(0))},
	{"direction", atForward, unchanged, true, is(CTDirection, Byte(0))},
	{"tuple", atForward, unchanged, true, InPrefix{CTOrigSaddr, false, clients}},
	{"no tuple before conntrack", atRaw, unchanged, false, InPrefix{CTOrigSaddr, false, clients}},
	{"invalid before conntrack", atRaw, unchanged, true, States{[]State{StateInvalid}}},
	{"local source", atForward, func(p *Packet) { p.SourceLocal = true }, true,
		is(FibSaddrType, Byte(AddrLocal))},
	{"no local source", atForward, unchanged, false, is(FibSaddrType, Byte(AddrLocal))},
	{"in range", atForward, unchanged, true, Lookup{Fields: []Field{IPSaddr}, Set: "addresses"}},
	{"at end of ranges", atForward, unchanged, true, Lookup{Fields: []Field{IPDaddr},
		Set: "addresses"}},
	{"behind range", atForward, func(p *Packet) { p.Src = netip.MustParseAddr("10.9.2.10") },
		false, Lookup{Fields: []Field{IPSaddr}, Set: "addresses"}},
	{"not in set", atForward, func(p *Packet) { p.Src = netip.MustParseAddr("10.0.0.0") }, true,
		Lookup{Fields: []Field{IPSaddr}, Set: "addresses", Not: true}},
	{"several fields", atForward, unchanged, true, Lookup{Fields: []Field{IIFName, L4Proto, DestPort},
		Set: "bind"}},
	{"several, one absent", atForward, toICMP, false, Lookup{
		Fields: []Field{IIFName, L4Proto, DestPort}, Set: "bind", Not: true}},
	{"masked mark", atForward, func(p *Packet) { p.CT.Mark = 0x50007 }, true,
		Lookup{Fields: []Field{CTMark}, Set: "epochs", Mask: 0xffff0000}},
	{"mark not masked", atForward, func(p *Packet) { p.CT.Mark = 0x50007 }, false,
		Lookup{Fields: []Field{CTMark}, Set: "epochs"}},
	{"dynamic set", atForward, unchanged, false, Lookup{Fields: []Field{DestPort}, Set: "filled"}},
	{"update", atForward, unchanged, true, Update{Set: "filled", Fields: []Field{DestPort}}},
	{"update of nothing", atForward, toICMP, false, Update{Set: "filled",
		Fields: []Field{DestPort}}},
	{"map", atForward, unchanged, true, VerdictMap{[]Field{DestPort}, "ports"}},
	{"map miss", atForward, func(p *Packet) { p.DstPort = 91 }, false,
		VerdictMap{[]Field{DestPort}, "ports"}},
	{"write mark of no entry", atForward, toInvalid, true, SetMark{CT: true, Or: 1}},
	{"change mark of no entry", atForward, toInvalid, false, SetMark{CT: true, Keep: 1, Or: 1}},
}

func TestMatches(t *testing.T) {
	for _, row := range matchRows {
		if got := holds(t, IP, row.at, with(client(), row.change), row.match); got != row.want {
			t.Errorf("%s: %s: got %t, want %t", row.name, statementText(IP, row.match), got,
				row.want)
		}
	}
}

func TestBridgeMatches(t *testing.T) {
	base := Base{Hook: Prerouting, Priority: -250}
	arp := &Packet{IIF: "va", ARP: &ARP{Operation: 1, SenderEther: mac,
		SenderIP: netip.MustParseAddr("10.9.2.2")}}
	tagged := with(client(), func(p *Packet) { p.EtherType = 0x8100 })
	outer := with(client(), func(p *Packet) { p.EtherType, p.VLANID = 0x88a8, 5 })
	advert := &Packet{IIF: "va", Src: netip.MustParseAddr("fe80::1"),
		Dst: netip.MustParseAddr("ff02::1"), Protocol: protoICMPv6, ICMPType: 136, HopLimit: 255,
		NDTarget: netip.MustParseAddr("fe80::1"), RoutingHeader: true}
	split := &Packet{Src: advert.Src, Dst: advert.Dst, Fragmented: true, FragmentNext: 60}
	query := with(client(), func(p *Packet) { p.Protocol, p.ICMPType = protoIGMP, 0x11 })
	for _, row := range []struct {
		name   string
		packet *Packet
		want   bool
		match  []Statement
	}{
		{"arp", arp, true, []Statement{is(ARPSenderIP, ip("10.9.2.2"))}},
		{"arp operation", arp, true, []Statement{is(ARPOperation, Word(1))}},
		{"arp ethertype", arp, true, []Statement{is(EtherType, Word(typeARP))}},
		{"arp of ip", client(), false, []Statement{Compare{ARPOperation, true, Word(9)}}},
		{"ip of arp", arp, false, []Statement{Compare{IPSaddr, true, ip("1.1.1.1")}}},
		{"l4 of arp", arp, false, []Statement{Compare{L4Proto, true, Byte(1)}}},
		{"ip", client(), true, []Statement{is(IPSaddr, ip("10.9.2.2")), is(EtherSaddr, Ether(mac))}},
		{"ip of tagged", tagged, false, []Statement{Compare{IPSaddr, true, ip("1.1.1.1")}}},
		{"port of tagged", tagged, false, []Statement{is(DestPort, Word(80))}},
		{"tag", tagged, true, []Statement{is(VLANID, Word(0))}},
		{"no tag", client(), false, []Statement{is(VLANID, Word(0))}},
		{"tag of 802.1ad", outer, false, []Statement{is(VLANID, Word(5))}},
		{"tag of 802.1ad asked for", outer, true,
			[]Statement{is(EtherType, Word(0x88a8)), is(VLANID, Word(5))}},
		{"target", advert, true, []Statement{is(ICMPv6Type, Byte(136)), is(NDTarget, ip("fe80::1"))}},
		{"target of tcp", client(), false, []Statement{Compare{NDTarget, true, ip("::1")}}},
		{"icmp type of icmpv6", advert, false, []Statement{is(ICMPType, Byte(136))}},
		{"hop limit", advert, true, []Statement{is(IP6HopLimit, Byte(255))}},
		{"fragment", with(client(), func(p *Packet) { p.Fragmented, p.FragmentNext = true, 60 }),
			false, []Statement{is(FragmentNext, Byte(60))}},
		{"fragment of ip6", split, true, []Statement{is(FragmentNext, Byte(60))}},
		{"fragment of another", split, false, []Statement{is(FragmentNext, Byte(58))}},
		{"no fragment", advert, false, []Statement{Compare{FragmentNext, true, Byte(60)}}},
		{"igmp", query, true, []Statement{is(IGMPType, Byte(0x11))}},
		{"igmp of icmp", advert, false, []Statement{Compare{IGMPType, true, Byte(0x11)}}},
		{"routing header", advert, true, []Statement{RoutingHeader{}}},
		{"routing header of ip", client(), false, []Statement{RoutingHeader{}}},
	} {
		if got := holds(t, Bridge, base, row.packet, row.match...); got != row.want {
			t.Errorf("%s: got %t, want %t", row.name, got, row.want)
		}
	}
}

// steps are the texts of the rules that took effect.
func steps(r Result) string {
	var list []string
	for _, s := range r.Steps {
		list = append(list, s.String())
	}
	return strings.Join(list, "\n")
}

func TestJumpGotoReturn(t *testing.T) {
	r := &Ruleset{Tables: []Table{{Family: IP, Counters: []string{"end", "next", "unreached"},
		Chains: []Chain{
			{Name: "base", Base: &Base{Hook: Forward, Priority: 0}, Rules: []Rule{
				rule(jump("a")), rule(CounterRef{"end"}), rule(goTo("c")),
				rule(CounterRef{"unreached"}, drop)}},
			{Name: "later", Base: &Base{Hook: Forward, Priority: 5}, Rules: []Rule{
				rule(CounterRef{"next"}), rule(Log{Prefix: "p", Group: 1}), rule(RejectWith{})}},
			{Name: "a", Rules: []Rule{rule(goTo("b")), rule(CounterRef{"unreached"}, drop)}},
			{Name: "b", Rules: []Rule{rule(SetMark{Or: 5}), rule(is(PacketMark, Mark(5)), back),
				rule(CounterRef{"unreached"}, drop)}},
			{Name: "c", Rules: []Rule{rule(is(PacketMark, Mark(6)), drop)}},
		}}}}
	r.Sort()
	tracer, err := NewTracer(r)
	if err != nil {
		t.Fatal(err)
	}
	p := client()
	got := tracer.Trace(IP, Forward, p)
	want := "ip base 0: jump a\nip a 0: goto b\nip b 0: meta mark set 0x00000005\n" +
		"ip b 1: meta mark 0x00000005 return\nip base 1: counter name end\nip base 2: goto c\n" +
		"ip later 0: counter name next\nip later 1: log prefix \"p\" group 1\n" +
		"ip later 2: reject with icmp type admin-prohibited"
	if steps(got) != want {
		t.Errorf("got\n%s\nwant\n%s", steps(got), want)
	}
	if got.Verdict != Rejected || strings.Join(got.Counters, " ") != "end next" ||
		got.LogPrefix != "p" || p.Mark != 5 {
		t.Errorf("got %v %v %q mark %d, want reject [end next] \"p\" mark 5", got.Verdict,
			got.Counters, got.LogPrefix, p.Mark)
	}
	if got := tracer.Trace(IP6, Forward, p); got.Verdict != Accepted || got.Steps != nil {
		t.Errorf("without a table: got %v, want accept", got)
	}
}

// One packet through the jump and a lookup among ten thousand elements.
func BenchmarkTrace(b *testing.B) {
	r := large(10000)
	r.Tables[0].Chains = []Chain{{Name: "base", Base: &Base{Hook: Forward}, Rules: []Rule{
		rule(is(L4Proto, Byte(6)), jump("c"))}}, {Name: "c", Rules: []Rule{
		rule(Lookup{Fields: []Field{IIFName, IPSaddr}, Set: "bind"}, drop), rule(accept)}}}
	tracer, err := NewTracer(r)
	if err != nil {
		b.Fatal(err)
	}
	p := client()
	b.ReportAllocs()
	for b.Loop() {
		tracer.Trace(IP, Forward, p)
	}
}
