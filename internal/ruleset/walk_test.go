// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// post is a base chain that bears witness of the packets that pass it.
type post struct {
	name   string
	family Family
	base   Base
}

var posts = []post{
	{"ip-pre", IP, Base{Prerouting, -450}},
	{"ip-in", IP, Base{Input, -10}},
	{"ip-fwd", IP, Base{Forward, -10}},
	{"ip-out", IP, Base{Output, -10}},
	{"ip-post", IP, Base{Postrouting, 90}},
	{"br-pre-early", Bridge, Base{Prerouting, -250}},
	{"br-pre-late", Bridge, Base{Prerouting, 10}},
	{"br-in", Bridge, Base{Input, 10}},
	{"br-fwd-early", Bridge, Base{Forward, -10}},
	{"br-fwd-late", Bridge, Base{Forward, 10}},
	{"br-out", Bridge, Base{Output, 10}},
	{"br-post", Bridge, Base{Postrouting, 10}},
}

// witness is a ruleset in which every post counts which posts a ping passed before it (each
// sets a bit of the packet mark), and which devices it shows there.
func witness(src, dst string) *Ruleset {
	tables := map[Family]*Table{IP: {Family: IP}, Bridge: {Family: Bridge}}
	for i, p := range posts {
		t := tables[p.family]
		c := Chain{Name: "at-" + p.name}
		say := func(what string, s Statement) {
			t.Counters = append(t.Counters, p.name+"-"+what)
			c.Rules = append(c.Rules, rule(s, CounterRef{p.name + "-" + what}))
		}
		for j, q := range posts {
			say("after-"+q.name, Masked{Field: PacketMark, Mask: 1 << j, Not: true})
		}
		for _, name := range []string{"br0", "pa", "pb", "rv"} {
			say("iif-"+name, is(IIFName, Ifname(name)))
			say("oif-"+name, is(OIFName, Ifname(name)))
			say("not-iif-"+name, Compare{Field: IIFName, Not: true, Value: Ifname(name)})
		}
		for _, kind := range []string{"veth", "bridge"} {
			say("iifkind-"+kind, is(IIFKind, Ifname(kind)))
			say("oifkind-"+kind, is(OIFKind, Ifname(kind)))
			say("not-oifkind-"+kind, Compare{Field: OIFKind, Not: true, Value: Ifname(kind)})
		}
		say("host", is(PacketType, Byte(PacketHost)))
		say("passed", SetMark{Keep: 0xffffffff, Or: 1 << i})
		t.Chains = append(t.Chains, c, Chain{Name: p.name, Base: &p.base, Rules: []Rule{
			rule(is(IPSaddr, ip(src)), is(IPDaddr, ip(dst)), is(ICMPType, Byte(8)), jump(c.Name))}})
	}
	r := &Ruleset{Tables: []Table{*tables[IP], *tables[Bridge]}}
	r.Sort()
	return r
}

var (
	portA  = Device{Name: "pa", Kind: "veth", Bridge: "br0"}
	portB  = Device{Name: "pb", Kind: "veth", Bridge: "br0"}
	routed = Device{Name: "rv", Kind: "veth"}
)

// ways are pings through a node with a bridge of two ports and one routed veth.
var ways = []struct {
	name, from, src, dst string
	path                 Path
}{
	{"bridged", "a", "10.7.1.2", "10.7.1.3", Path{In: portA, Out: portB}},
	{"bridge to routed", "a", "10.7.1.2", "10.7.2.2", Path{In: portA, Out: routed}},
	{"routed to bridge", "c", "10.7.2.2", "10.7.1.2", Path{In: routed, Out: portA}},
	{"bridge to host", "a", "10.7.1.2", "10.7.1.1", Path{In: portA}},
	{"routed to host", "c", "10.7.2.2", "10.7.2.1", Path{In: routed}},
	{"host to bridge", "", "10.7.1.1", "10.7.1.2", Path{Out: portA}},
	{"host to routed", "", "10.7.2.1", "10.7.2.2", Path{Out: routed}},
}

// The kernel runs the hooks in the order in which Walk runs them, and shows the devices that
// Walk shows.
func TestWalkIsTheKernelsWay(t *testing.T) {
	node := namespace(t)
	inside := map[string]string{"": node}
	buildNode(t, node, inside)
	for _, handover := range []string{"1", "0"} {
		in(t, node, "ip", "link", "set", "br0", "type", "bridge", "nf_call_iptables", handover)
		in(t, node, "sysctl", "-qw", "net.bridge.bridge-nf-call-iptables="+handover)
		for _, way := range ways {
			t.Run(way.name+" br_netfilter="+handover, func(t *testing.T) {
				r := witness(way.src, way.dst)
				load(t, node, "flush ruleset\n"+r.String())
				in(t, inside[way.from], "ping", "-q", "-c1", "-W2", way.dst)
				path := way.path
				path.NoNetfilterBridge = handover == "0"
				got, want := walked(t, r, path, way.src, way.dst), counted(t, node)
				if !slices.Equal(got, want) {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				if len(want) < 15 {
					t.Errorf("got %d counters of the kernel, want 15 at least", len(want))
				}
			})
		}
	}
}

func buildNode(t *testing.T, node string, inside map[string]string) {
	t.Helper()
	run := func(line string) { in(t, node, "ip", strings.Fields(line)...) }
	run("link set lo up")
	run("link add br0 type bridge")
	run("addr add 10.7.1.1/24 dev br0")
	run("link set br0 up")
	in(t, node, "sysctl", "-qw", "net.ipv4.ip_forward=1")
	for _, end := range []struct{ name, port, addr, gateway string }{
		{"a", "pa", "10.7.1.2/24", "10.7.1.1"}, {"b", "pb", "10.7.1.3/24", "10.7.1.1"},
		{"c", "rv", "10.7.2.2/24", "10.7.2.1"}} {
		ns := namespace(t)
		inside[end.name] = ns
		run(fmt.Sprintf("link add %s type veth peer name eth0 netns %s", end.port, ns))
		if end.port == "rv" {
			run("addr add 10.7.2.1/24 dev rv")
		} else {
			run(fmt.Sprintf("link set %s master br0", end.port))
		}
		run(fmt.Sprintf("link set %s up", end.port))
		in(t, ns, "ip", "addr", "add", end.addr, "dev", "eth0")
		in(t, ns, "ip", "link", "set", "lo", "up")
		in(t, ns, "ip", "link", "set", "eth0", "up")
		in(t, ns, "ip", "route", "add", "default", "via", end.gateway)
	}
	// Until the ports forward, and addresses are known, pings may be lost.
	for _, ns := range []string{inside["a"], inside["c"]} {
		for _, dst := range []string{"10.7.1.3", "10.7.2.2", "10.7.1.2"} {
			in(t, ns, "ping", "-q", "-c1", "-W5", dst)
		}
	}
}

// walked are the counters that Walk says count the ping, sorted.
func walked(t *testing.T, r *Ruleset, path Path, src, dst string) []string {
	t.Helper()
	tracer, err := NewTracer(r)
	if err != nil {
		t.Fatal(err)
	}
	p := &Packet{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst),
		Protocol: protoICMP, ICMPType: 8}
	if path.bridged() {
		p.Type = PacketOtherHost
	}
	list := tracer.Walk(path, p).Counters
	slices.Sort(list)
	return list
}

// counted are the counters of the kernel that counted anything, sorted.
func counted(t *testing.T, ns string) []string {
	t.Helper()
	var list []string
	name := ""
	for line := range strings.Lines(in(t, ns, "nft", "list", "counters")) {
		f := strings.Fields(line)
		switch {
		case len(f) == 3 && f[0] == "counter":
			name = f[1]
		case len(f) == 4 && f[0] == "packets" && f[1] != "0":
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// A hook that drops is the last one, and marks are carried over and written back.
func TestWalkStopsAtTheFirstDrop(t *testing.T) {
	bridge := Table{Family: Bridge, Chains: []Chain{{Name: "late", Base: &Base{Forward, 10},
		Rules: []Rule{rule(Masked{Field: PacketMark, Mask: 1}, drop), rule(SetMark{Or: 8})}}}}
	routed := Table{Family: IP, Counters: []string{"seen"}, Chains: []Chain{
		{Name: "forward", Base: &Base{Forward, 0}, Rules: []Rule{
			rule(SetMark{Keep: 0xffffffff, Or: 1}), rule(SetMark{CT: true, Or: 7})}},
		{Name: "post", Base: &Base{Postrouting, 0}, Rules: []Rule{rule(CounterRef{"seen"})}}}}
	tracer, err := NewTracer(&Ruleset{Tables: []Table{routed, bridge}})
	if err != nil {
		t.Fatal(err)
	}
	arp := &Packet{ARP: &ARP{Operation: 1}}
	for _, row := range []struct {
		name    string
		path    Path
		packet  *Packet
		verdict Outcome
		mark    uint32
		ctMark  uint32
		seen    int
	}{
		{"marked by ip", Path{In: portA, Out: portB}, client(), Accepted, 8, 7, 1},
		{"not seen by ip", Path{In: portA, Out: portB, NoNetfilterBridge: true}, client(), Dropped,
			0, 0, 0},
		{"routed on one bridge", Path{In: portA, Out: portB, Routed: true}, client(), Accepted, 1,
			7, 1},
		{"arp", Path{In: portA, Out: portB}, arp, Dropped, 0, 0, 0},
		{"arp to host", Path{In: portA}, arp, Accepted, 0, 0, 0},
		{"arp from host", Path{Out: portA}, arp, Accepted, 0, 0, 0},
	} {
		got := tracer.Walk(row.path, row.packet)
		if got.Verdict != row.verdict || row.packet.Mark != row.mark ||
			row.packet.CT.Mark != row.ctMark || len(got.Counters) != row.seen {
			t.Errorf("%s: got %v mark %d ct mark %d counters %v, want %v %d %d %d", row.name,
				got.Verdict, row.packet.Mark, row.packet.CT.Mark, got.Counters, row.verdict,
				row.mark, row.ctMark, row.seen)
		}
	}
}
