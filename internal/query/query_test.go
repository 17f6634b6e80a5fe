// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/internal/query"
	"github.com/bulkhead-net/bulkhead/policy"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

var dbPolicy = policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: "shop", Name: "db"}

func web() flow.Party {
	return flow.Party{Addr: netip.MustParseAddr("10.1.0.2"), ID: "web-0/eth0", Namespace: "shop",
		Name: "web", Interface: "eth0"}
}

func db() flow.Party {
	return flow.Party{Addr: netip.MustParseAddr("10.1.0.3"), ID: "db-0/eth1", Namespace: "data",
		Name: "db", Interface: "eth1"}
}

// records are one of each sort: a default deny, a rule against the host, a ping from the world
// that Audit would deny, a scan of a block, a frame, and a loss report.
func records() []flow.Record {
	world := flow.Party{Addr: netip.MustParseAddr("2001:db8::1")}
	return []flow.Record{
		{ID: "A", Kind: flow.Denied, Start: noon, End: noon.Add(10 * time.Second),
			Direction: policy.Ingress, Reason: flow.ReasonDefaultDeny, Action: flow.Drop,
			Isolating: []policy.Ref{dbPolicy, {Kind: policy.KindNetworkPolicy, Namespace: "shop",
				Name: "all"}}, Client: web(), Server: db(), Proto: 6, Port: 5432, Packets: 7},
		{ID: "B", Kind: flow.Denied, Start: noon.Add(time.Minute), End: noon.Add(time.Minute),
			Direction: policy.Egress, Reason: flow.ReasonRule, Action: flow.Reject,
			Rule: &policy.RuleRef{Policy: policy.Ref{Kind: policy.KindSegmentationPolicy,
				Name: "no-ssh"}, Tier: policy.AdminTier, Index: 1, Name: "ssh"},
			Client: web(), Server: flow.Party{Host: true, Addr: netip.MustParseAddr("10.1.0.1")},
			Proto: 6, Port: 22, Packets: 1},
		{ID: "C", Kind: flow.WouldDeny, Start: noon, End: noon, Direction: policy.Ingress,
			Action: flow.Pass, WouldDeny: []policy.Audited{{Policy: dbPolicy}}, Client: world,
			Server: db(), Proto: policy.ProtocolICMPv6, Type: 128, Packets: 2},
		{ID: "D", Kind: flow.Denied, Start: noon, End: noon, Direction: policy.Egress,
			Reason: flow.ReasonQuarantine, Client: web(), Scan: true, Ports: 80, Peers: 9,
			Server: flow.Party{Prefix: netip.MustParsePrefix("192.0.2.0/24")}, Proto: 17, Packets: 900},
		{ID: "E", Kind: flow.Denied, Start: noon, End: noon, Direction: policy.Egress,
			Reason: flow.ReasonEtherType, EtherType: 0x88cc, Packets: 3,
			Client: flow.Party{MAC: "02:00:00:00:00:02"}},
		{ID: "F", Kind: flow.LossReport, Start: noon, End: noon, Lost: 40,
			Counter: flow.Counter{Family: "ip", Group: "abc", Kind: "egress", Word: "default"}},
		{ID: "G", Kind: flow.LossReport, Start: noon.Add(-time.Hour), End: noon, Lost: 2,
			Counter: flow.Counter{Family: "ip", Group: "abc", Kind: "egress", Word: "default"}},
	}
}

func TestFilterSelects(t *testing.T) {
	block := func(s ...string) (out []netip.Prefix) {
		for _, text := range s {
			out = append(out, netip.MustParsePrefix(text))
		}
		return out
	}
	for _, tc := range []struct {
		name   string
		filter query.Filter
		want   string
	}{
		{"everything", query.Filter{}, "ABCDEFG"},
		{"since", query.Filter{Since: noon.Add(time.Second)}, "AB"},
		{"until", query.Filter{Until: noon.Add(-time.Second)}, "G"},
		{"both bounds", query.Filter{Since: noon.Add(-2 * time.Hour), Until: noon}, "ACDEFG"},
		{"kinds", query.Filter{Kinds: []flow.Kind{flow.WouldDeny, flow.LossReport}}, "CFG"},
		{"reason", query.Filter{Reasons: []flow.Reason{flow.ReasonRule}}, "B"},
		{"direction", query.Filter{Directions: []policy.Direction{policy.Ingress}}, "AC"},
		{"endpoint by name", query.Filter{Endpoints: []string{"shop/web"}}, "ABD"},
		{"endpoint by its interface", query.Filter{Endpoints: []string{"data/db@eth1"}}, "AC"},
		{"endpoint by another interface", query.Filter{Endpoints: []string{"data/db@eth0"}}, ""},
		{"endpoint by id", query.Filter{Endpoints: []string{"db-"}}, "AC"},
		{"endpoint by address", query.Filter{Endpoints: []string{"::ffff:10.1.0.3"}}, "AC"},
		{"endpoint by an address of a block", query.Filter{Endpoints: []string{"192.0.2.9"}}, "D"},
		{"no endpoint has no id", query.Filter{Endpoints: []string{""}}, "ABCD"},
		{"namespace", query.Filter{Namespaces: []string{"data"}}, "AC"},
		{"policy", query.Filter{Policies: []query.PolicyName{{Name: "db"}}}, "AC"},
		{"policy of a kind", query.Filter{Policies: []query.PolicyName{
			{Kind: policy.KindSegmentationPolicy, Name: "no-ssh"}}}, "B"},
		{"policy of another namespace", query.Filter{Policies: []query.PolicyName{
			{Namespace: "data", Name: "db"}}}, ""},
		{"protocol", query.Filter{Protocols: []uint8{17, 58}}, "CD"},
		{"port", query.Filter{Ports: []query.PortRange{{First: 22, Last: 22}}}, "B"},
		{"ports, and no frame has one", query.Filter{Ports: []query.PortRange{{Last: 65535}},
			Kinds: []flow.Kind{flow.Denied}, Protocols: []uint8{6, 17, 0}}, "ABD"},
		{"peer", query.Filter{Peers: block("10.1.0.0/30")}, "AB"},
		{"peer is not the subject", query.Filter{Peers: block("10.1.0.3/32")}, ""},
		{"peer in a block", query.Filter{Peers: block("192.0.2.7/32", "2001:db8::/32")}, "CD"},
		{"two fields", query.Filter{Endpoints: []string{"shop/web"}, Protocols: []uint8{6},
			Reasons: []flow.Reason{flow.ReasonRule, flow.ReasonQuarantine}}, "B"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ""
			for _, r := range records() {
				if tc.filter.Matches(&r) {
					got += r.ID
				}
			}
			if got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	at := func(text string) (time.Time, error) { return query.ParseTime(text, noon) }
	for _, tc := range []struct {
		text string
		got  any
		want string // the value, or what the error says is accepted
	}{
		{"would-deny", result(query.ParseKind("would-deny")), "would-deny"},
		{"denied", result(query.ParseKind("denied")), "one of deny, would-deny, allow, loss"},
		{"default-deny", result(query.ParseReason("default-deny")), "default-deny"},
		{"no", result(query.ParseReason("no")), "one of rule, default-deny, quarantine, audit"},
		{"ingress", result(query.ParseDirection("ingress")), "ingress"},
		{"in", result(query.ParseDirection("in")), "egress or ingress"},
		{"TCP", result(query.ParseProtocol("TCP")), "6"},
		{"47", result(query.ParseProtocol("47")), "47"},
		{"256", result(query.ParseProtocol("256")), "a number from 0 to 255"},
		{"22", result(query.ParsePort("22")), "{22 22}"},
		{"80-90", result(query.ParsePort("80-90")), "{80 90}"},
		{"90-80", result(query.ParsePort("90-80")), "a port from 0 to 65535"},
		{"http", result(query.ParsePort("http")), "a port from 0 to 65535"},
		{"10.1.2.3/8", result(query.ParsePeer("10.1.2.3/8")), "10.0.0.0/8"},
		{"fd00::1", result(query.ParsePeer("fd00::1")), "fd00::1/128"},
		{"::ffff:10.0.0.1", result(query.ParsePeer("::ffff:10.0.0.1")), "10.0.0.1/32"},
		{"10/8", result(query.ParsePeer("10/8")), "a CIDR such as"},
		{"fe80::1%eth0", result(query.ParsePeer("fe80::1%eth0")), "a CIDR such as"},
		{"db", result(query.ParsePolicy("db")), "{  db}"},
		{"shop/db", result(query.ParsePolicy("shop/db")), "{ shop db}"},
		{"segment/pci", result(query.ParsePolicy("segment/pci")), "{Segment  pci}"},
		{"NetworkPolicy/a/b", result(query.ParsePolicy("NetworkPolicy/a/b")), "{NetworkPolicy a b}"},
		{"Policy/a/b", result(query.ParsePolicy("Policy/a/b")), "KIND is one of NetworkPolicy"},
		{"a//b", result(query.ParsePolicy("a//b")), "KIND/NAMESPACE/NAME"},
		{"", result(query.ParsePolicy("")), "KIND/NAMESPACE/NAME"},
		{"15m", result(at("15m")), "2026-01-02 11:45:00 +0000 UTC"},
		{"2d", result(at("2d")), "2025-12-31 12:00:00 +0000 UTC"},
		{"2026-01-01T00:00:00+01:00", result(at("2026-01-01T00:00:00+01:00")),
			"2026-01-01 00:00:00 +0100"},
		{"-1h", result(at("-1h")), "or how long ago it is"},
		{"yesterday", result(at("yesterday")), "a time such as 2026-01-02T15:04:05Z"},
		{"rule", result(query.ParseDimension("rule")), "rule"},
		{"colour", result(query.ParseDimension("colour")), "one of client, server, policy, rule"},
	} {
		got := fmt.Sprint(tc.got)
		err, failed := tc.got.(error)
		if !strings.Contains(got, tc.want) || failed &&
			!strings.HasPrefix(err.Error(), fmt.Sprintf("found %q, accepted ", tc.text)) {
			t.Errorf("%q: got %s, want %s", tc.text, got, tc.want)
		}
	}
}

// result is the value, or the error in its place.
func result[T any](value T, err error) any {
	if err != nil {
		return err
	}
	return value
}

func TestGroupsAddUp(t *testing.T) {
	for _, tc := range []struct {
		by   []query.Dimension
		want []string
	}{
		{[]query.Dimension{query.ByClient}, []string{"[shop/web] 3 908", "[02:00:00:00:00:02] 1 3",
			"[2001:db8::1] 1 2"}},
		{[]query.Dimension{query.ByServer, query.ByPort}, []string{
			"[192.0.2.0/24 80 ports/udp] 1 900", "[data/db 5432/tcp] 1 7", "[- ethertype 0x88cc] 1 3",
			"[data/db 128/0/icmpv6] 1 2", "[host 22/tcp] 1 1"}},
		{[]query.Dimension{query.ByPolicy}, []string{"[-] 2 903",
			"[NetworkPolicy shop/db, NetworkPolicy shop/all] 1 7", "[NetworkPolicy shop/db] 1 2",
			"[SegmentationPolicy no-ssh] 1 1"}},
		{[]query.Dimension{query.ByNamespace, query.ByDirection}, []string{"[shop egress] 2 901",
			"[data ingress] 2 9", "[- egress] 1 3"}},
		{[]query.Dimension{query.ByRule, query.ByReason}, []string{"[- quarantine] 1 900",
			"[NetworkPolicy shop/db, NetworkPolicy shop/all default-deny] 1 7", "[- ethertype] 1 3",
			"[NetworkPolicy shop/db -] 1 2",
			"[SegmentationPolicy no-ssh egress[1] \"ssh\" rule] 1 1"}},
	} {
		g := query.NewGroups(tc.by)
		for _, r := range records() {
			if r.Kind != flow.LossReport {
				g.Add(&r)
			}
		}
		var got []string
		for _, one := range g.Sorted() {
			got = append(got, fmt.Sprintf("%v %d %d", one.Key, one.Records, one.Packets))
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("by %v: got\n%s\nwant\n%s", tc.by, strings.Join(got, "\n"),
				strings.Join(tc.want, "\n"))
		}
	}
}

func TestGroupsKnowTheirTimes(t *testing.T) {
	g := query.NewGroups([]query.Dimension{query.ByClient})
	list := records()
	for _, i := range []int{1, 0} {
		g.Add(&list[i])
	}
	got := g.Sorted()
	if len(got) != 1 || !got[0].First.Equal(noon) || !got[0].Last.Equal(noon.Add(time.Minute)) {
		t.Errorf("got %+v, want from noon to a minute past", got)
	}
}

func TestLossIsWhatNoRecordTells(t *testing.T) {
	l := query.NewLedger()
	for _, r := range records() {
		l.Add(&r)
	}
	want := query.Loss{Counted: 913 + 42, Recorded: 913, Lost: 42, Counters: []query.CounterLoss{
		{Counter: flow.Counter{Family: "ip", Group: "abc", Kind: "egress", Word: "default"},
			Lost: 42, First: noon.Add(-time.Hour), Last: noon}}}
	if got := l.Loss(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
