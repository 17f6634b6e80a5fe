// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"net/netip"
	"time"
)

func ip(s string) Key { return Addr(netip.MustParseAddr(s)) }

func rule(s ...Statement) Rule { return Rule{Statements: s} }

func jump(c string) Verdict       { return Verdict{Kind: JumpVerdict, Chain: c} }
func goTo(c string) Verdict       { return Verdict{Kind: GotoVerdict, Chain: c} }
func is(f Field, v Key) Statement { return Compare{Field: f, Value: v} }

var (
	accept = Verdict{Kind: AcceptVerdict}
	drop   = Verdict{Kind: DropVerdict}
	back   = Verdict{Kind: ReturnVerdict}
	mac    = [6]byte{2, 0, 0, 0, 0, 1}
)

// hostile is text that would leave its quotes if it were printed as it is.
const hostile = "a\"; drop\n\\ $x \x00\x7f é #{"

// sample uses every kind of object, statement and field.
func sample() *Ruleset {
	r := &Ruleset{Tables: []Table{sampleIP(), sampleIP6(), sampleBridge()}}
	r.Sort()
	return r
}

func sampleSets() []Set {
	pair := []Type{TypeIfname, TypeIPv4}
	return []Set{
		{Name: "live", Types: []Type{TypeMark}, Elements: []Element{{Key: Mark(0x10000)}}},
		{Name: "generation", Types: []Type{TypeMark},
			Elements: []Element{{Key: Mark(1), Comment: hostile}}},
		{Name: "bind", Types: pair, Elements: []Element{
			{Key: Join(Ifname("br0"), ip("10.9.2.2"))}, {Key: Join(Ifname("va"), ip("10.9.2.3"))}}},
		{Name: "subnets", Types: []Type{TypeIPv4}, Interval: true, Elements: []Element{
			{Key: ip("10.9.0.0"), Last: ip("10.9.255.255")},
			{Key: ip("192.168.1.5"), Last: ip("192.168.1.9")}, {Key: ip("192.168.1.11")}}},
		{Name: "server", Types: pair, Verdicts: true, Elements: []Element{
			{Key: Join(Ifname("br0"), ip("10.9.2.2")), Verdict: goTo("in-g1"), Comment: "web"}}},
		{Name: "ports", Types: []Type{TypeService}, Verdicts: true, Interval: true,
			Elements: []Element{{Key: Word(80), Verdict: goTo("in-g1-p1")},
				{Key: Word(100), Last: Word(200), Verdict: drop}}},
		{Name: "published", Types: []Type{TypeIPv4, TypeProto, TypeService}, Verdicts: true,
			Elements: []Element{
				{Key: Join(ip("1.2.3.4"), Byte(6), Word(80)), Verdict: goTo("in-g1-p1")}}},
		{Name: "protocols", Types: []Type{TypeProto}, Interval: true,
			Elements: []Element{{Key: Byte(6), Last: Byte(17)}}},
		{Name: "denied-in", Types: []Type{TypeIPv4, TypeIPv4, TypeProto, TypeService},
			Dynamic: &Dynamic{Size: 65536, Timeout: 10 * time.Minute, Counter: true}},
		{Name: "log-limit", Types: pair, Dynamic: &Dynamic{Size: 1024, Timeout: 90 * time.Second}},
	}
}

func sampleIP() Table {
	tcp := OneOf{Field: L4Proto, Values: []Key{Byte(6), Byte(17), Byte(132)}}
	flow := []Field{IPSaddr, IPDaddr, L4Proto, DestPort}
	return Table{Family: IP, Counters: []string{"spoof", "quarantine"}, Sets: sampleSets(),
		Chains: []Chain{
			{Name: "passed", Rules: []Rule{rule(SetMark{Keep: 0xffffffff, Or: 0x100}, accept)}},
			{Name: "done", Rules: []Rule{rule(SetMark{CT: true, Keep: 0xffff, Or: 0x10000}),
				rule(SetMark{Or: 1}), rule(SetMark{Keep: 0xff}), rule(goTo("passed"))}},
			{Name: "in-g1-p1", Rules: []Rule{
				{Statements: []Statement{Lookup{Fields: []Field{CTOrigSaddr}, Set: "subnets"},
					goTo("done")}, Comment: hostile},
				rule(tcp, Lookup{Fields: flow, Set: "denied-in"}, Update{Set: "denied-in",
					Fields: flow}, back),
				rule(Update{Set: "log-limit", Fields: []Field{IIFName, IPSaddr},
					Limit: &Rate{PerSecond: 10, Burst: 50}},
					Log{Prefix: hostile, Group: 4711, Snaplen: 96}),
				rule(CounterRef{Name: "quarantine"}, drop)}},
			{Name: "in-g1", Rules: []Rule{
				rule(is(L4Proto, Byte(6)), VerdictMap{Fields: []Field{CTReplyPort}, Map: "ports"}),
				rule(is(L4Proto, Byte(47)), goTo("done"))}},
			{Name: "slow", Rules: sampleSlow()},
			{Name: "guard", Base: &Base{Hook: Prerouting, Priority: -450}, Rules: []Rule{
				rule(Lookup{Fields: []Field{IIFName, IPSaddr}, Set: "bind"}, accept),
				rule(Compare{Field: IPHdrLength, Not: true, Value: Byte(5)}, drop),
				rule(CounterRef{Name: "spoof"}, drop)}},
			{Name: "forward", Base: &Base{Hook: Forward, Priority: -10}, Rules: []Rule{
				rule(Lookup{Fields: []Field{CTMark}, Set: "live", Mask: 0xffff0000}, goTo("passed")),
				rule(Lookup{Fields: []Field{L4Proto}, Set: "protocols", Not: true}, back),
				rule(jump("slow")),
				rule(is(L4Proto, Byte(6)), RejectWith{TCPReset: true}), rule(RejectWith{})}},
			{Name: "input", Base: &Base{Hook: Input, Priority: -10}, Rules: []Rule{
				rule(VerdictMap{Fields: []Field{IPDaddr, L4Proto, DestPort}, Map: "published"})}},
			{Name: "postrouting", Base: &Base{Hook: Postrouting, Priority: 90}, Rules: []Rule{
				rule(Masked{Field: PacketMark, Mask: 0x100, Not: true}, accept),
				rule(is(FibSaddrType, Byte(AddrLocal)), jump("slow"))}},
		}}
}

func sampleSlow() []Rule {
	return []Rule{
		rule(States{States: []State{StateInvalid, StateUntracked}}, drop),
		rule(States{States: []State{StateNew}}, Confirmed{}, accept),
		rule(States{States: []State{StateNew}},
			Masked{Field: TCPFlags, Mask: 0x17, Value: 0x02, Not: true}, drop),
		rule(Masked{Field: TCPFlags, Mask: 0x04, Value: 0x04}, accept),
		rule(Masked{Field: TCPFlags, Mask: 0x12, Value: 0x12}, accept),
		rule(is(TCPFlags, Byte(0x02)), back),
		rule(InPrefix{Field: IPDaddr, Prefix: netip.MustParsePrefix("224.0.0.0/4")}, drop),
		rule(InPrefix{Field: CTReplySaddr, Not: true,
			Prefix: netip.MustParsePrefix("10.0.0.0/8")}, drop),
		rule(is(CTDirection, Byte(0)),
			VerdictMap{Fields: []Field{OIFName, CTReplySaddr}, Map: "server"}),
		rule(OneOf{Field: PacketType, Values: []Key{Byte(PacketBroadcast), Byte(3)}}, drop),
		rule(is(IPProtocol, Byte(2)), accept),
		rule(is(IPSaddr, ip("0.0.0.0")), is(UDPSourcePort, Word(68)), is(UDPDestPort, Word(67)),
			accept),
		rule(is(SourcePort, Word(7)), is(ICMPType, Byte(8)), drop),
		rule(OneOf{Field: ICMPType, Not: true, Values: []Key{Byte(5), Byte(77)}}, back),
		rule(is(L4Proto, Byte(1)), is(CTOrigPort, Word(2048)), drop),
		rule(is(L4Proto, Byte(17)), OneOf{Field: CTReplyPort, Values: []Key{Word(53)}}, drop),
		rule(is(IIFKind, Ifname("veth")), drop),
		rule(Compare{Field: OIFKind, Not: true, Value: Ifname("bridge")}, drop),
		rule(NamePrefix{Field: IIFName, Prefix: "cali"}, drop),
	}
}

func sampleIP6() Table {
	return Table{Family: IP6,
		Sets: []Set{{Name: "bind", Types: []Type{TypeIfname, TypeIPv6}, Elements: []Element{
			{Key: Join(Ifname("va"), ip("fd00::1"))}}},
			{Name: "mapped", Types: []Type{TypeIPv6}, Interval: true, Elements: []Element{
				{Key: Key(make([]byte, 16)), Last: ip("::ffff")}, {Key: ip("fe80::1")}}}},
		Chains: []Chain{{Name: "guard", Base: &Base{Hook: Prerouting, Priority: -450},
			Rules: []Rule{
				rule(RoutingHeader{}, drop),
				rule(OneOf{Field: ICMPv6Type, Values: []Key{Byte(133), Byte(135), Byte(200)}},
					is(IP6HopLimit, Byte(255)), accept),
				rule(Lookup{Fields: []Field{IIFName, CTOrigSaddr}, Set: "bind"}, accept),
				rule(is(IP6Saddr, ip("::")), accept),
				rule(InPrefix{Field: IP6Daddr, Prefix: netip.MustParsePrefix("fe80::/10")}, accept),
				rule(Lookup{Fields: []Field{CTReplySaddr}, Set: "mapped"}, RejectWith{}),
			}}}}
}

func sampleBridge() Table {
	eth := []Key{Word(0x0800), Word(0x86dd), Word(0x0806)}
	return Table{Family: Bridge,
		Sets: []Set{
			{Name: "bind4", Types: []Type{TypeIfname, TypeEther, TypeIPv4}, Elements: []Element{
				{Key: Join(Ifname("va"), Ether(mac), ip("10.9.2.2"))}}},
			{Name: "clients", Types: []Type{TypeIfname, TypeClient}, Elements: []Element{
				{Key: Join(Ifname("va"), Ether([6]byte{2, 0, 0, 0, 0, 1}))}}},
			{Name: "targets", Types: []Type{TypeIfname, TypeEther, TypeTarget}, Elements: []Element{
				{Key: Join(Ifname("va"), Ether(mac), ip("fe80::1")), Comment: "own"}}}},
		Chains: []Chain{
			{Name: "guard-arp", Rules: []Rule{
				rule(OneOf{Field: ARPOperation, Not: true, Values: []Key{Word(1), Word(2)}}, drop),
				rule(Lookup{Fields: []Field{IIFName, ARPSenderEther, ARPSenderIP}, Set: "bind4"},
					accept),
				rule(is(ARPOperation, Word(3)), is(ARPSenderIP, ip("0.0.0.0")), drop)}},
			{Name: "prerouting", Base: &Base{Hook: Prerouting, Priority: -250}, Rules: []Rule{
				rule(OneOf{Field: EtherType, Not: true, Values: eth}, drop),
				rule(is(EtherType, Word(0x0806)), jump("guard-arp")),
				rule(Lookup{Fields: []Field{IIFName, EtherSaddr, IPSaddr}, Set: "bind4"}, accept),
				rule(is(ICMPv6Type, Byte(136)), Lookup{Not: true, Set: "targets",
					Fields: []Field{IIFName, EtherSaddr, NDTarget}}, drop),
				rule(is(ICMPv6Type, Byte(135)), is(NDTarget, ip("fe80::2")), drop),
				rule(is(UDPDestPort, Word(67)), Lookup{Set: "clients",
					Fields: []Field{IIFName, DHCPClient}}, accept),
				rule(is(FragmentNext, Byte(60)), drop),
				rule(is(IP6Saddr, ip("fe80::2")), is(FragmentNext, Byte(58)),
					is(ICMPv6Type, Byte(136)), drop),
				rule(is(IPSaddr, ip("1.2.3.4")), OneOf{Field: IGMPType, Not: true,
					Values: []Key{Byte(0x16), Byte(0x30)}}, drop),
				rule(is(VLANID, Word(0)), drop),
				rule(is(EtherType, Word(0x88a8)), is(VLANID, Word(5)), drop),
				rule(is(EtherDaddr, Ether(mac)), is(PacketMark, Mark(7)), accept),
				rule(Compare{Field: EtherType, Not: true, Value: Word(0x88cc)}, back)}},
		}}
}
