// SPDX-License-Identifier: Apache-2.0

package nft_test

import (
	"slices"
	"testing"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// Every kind of change that somebody else can make with nft is found and named.
func TestVerifyFindsDrift(t *testing.T) {
	for _, c := range []struct {
		command string
		want    []string
	}{
		{"add element ip bulkhead live { 0x20000 }",
			[]string{"extra: ip element 0x00020000 of set live"}},
		{"delete element ip bulkhead live { 0x10000 }",
			[]string{"missing: ip element 0x00010000 of set live"}},
		{"delete element ip bulkhead whole { 240.0.0.0/4 }",
			[]string{"missing: ip element 240.0.0.0/4 of set whole"}},
		{"add element ip bulkhead whole { 11.0.0.0/8 }", []string{
			"extra: ip element 11.0.0.0 of set whole",
			"extra: ip element end 12.0.0.0 of set whole"}},
		{"delete element ip bulkhead server { \"br0\" . 10.9.2.2 };" +
			"add element ip bulkhead server { \"br0\" . 10.9.2.2 comment \"web\" : accept }",
			[]string{"different: ip element \"br0\" . 10.9.2.2 comment \"web\" : goto in-g1 " +
				"of set server"}},
		{"delete element ip bulkhead whole { 10.0.0.0/24 };" +
			"add element ip bulkhead whole { 10.0.0.0/24 comment \"other\" }",
			[]string{"different: ip element 10.0.0.0/24 comment \"adjacent\" of set whole"}},
		{"flush chain ip6 bulkhead guard; add rule ip6 bulkhead guard accept", []string{
			"different: ip6 rule 1 of chain guard", "missing: ip6 rule 2 of chain guard",
			"missing: ip6 rule 3 of chain guard", "missing: ip6 rule 4 of chain guard",
			"missing: ip6 rule 5 of chain guard", "missing: ip6 rule 6 of chain guard"}},
		{"add rule bridge bulkhead guard-arp accept",
			[]string{"extra: bridge rule 4 of chain guard-arp"}},
		{"flush chain ip bulkhead postrouting; delete chain ip bulkhead postrouting",
			[]string{"missing: ip chain postrouting"}},
		{"add chain ip6 bulkhead hole { type filter hook input priority 0; }",
			[]string{"extra: ip6 chain hole"}},
		{"add chain ip bulkhead forward { policy drop; }",
			[]string{"different: ip chain forward"}},
		{"add set ip6 bulkhead more { type mark; }", []string{"extra: ip6 set more"}},
		{"delete set ip bulkhead names", []string{"missing: ip set names"}},
		{"delete set ip bulkhead names; add set ip bulkhead names { type ipv4_addr; }",
			[]string{"different: ip set names"}},
		{"delete set ip bulkhead names; " +
			"add set ip bulkhead names { type ifname; flags timeout; timeout 1m; }",
			[]string{"different: ip set names"}},
		{"add counter ip bulkhead mine", []string{"extra: ip counter mine"}},
		{"delete table ip6 bulkhead", []string{"missing: ip6 table"}},
		// A dormant table keeps its rules, and none of its chains is hooked.
		{"add table ip6 bulkhead { flags dormant; }", []string{"different: ip6 table"}},
		{"add element ip bulkhead denied-in { 1.2.3.4 . 1.2.3.5 . tcp . 80 }", nil},
		{"add table inet bulkhead; add table ip other", nil},
	} {
		h := newHost(t)
		r := sample()
		h.install(t, r)
		h.nft(t, c.command)
		if got := h.drift(t, r); !slices.Equal(got, c.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", c.command, got, c.want)
		}
	}
}

// One rule is replaced by a similar one: each difference is seen.
func TestVerifyComparesRulesExactly(t *testing.T) {
	for _, c := range []struct{ ours, theirs string }{
		{"ip saddr 10.0.0.0/8 drop", "ip saddr 10.0.0.0/16 drop"},
		{"ip saddr 10.0.0.1 drop", "ip saddr 10.0.0.2 drop"},
		{"ip saddr 10.0.0.1 drop", "ip daddr 10.0.0.1 drop"},
		{"ip saddr 10.0.0.1 drop", "ip saddr != 10.0.0.1 drop"},
		{"ip saddr 10.0.0.1 drop", "ip saddr 10.0.0.1 accept"},
		{"ip saddr 10.0.0.1 drop", "ip saddr 10.0.0.1 counter drop"},
		{"ip saddr @peers drop", "ip saddr != @peers drop"},
		{"ip saddr @peers drop", "ip saddr @others drop"},
		{"ct original ip saddr @peers drop", "ct reply ip saddr @peers drop"},
		{"meta l4proto { 6, 17 } drop", "meta l4proto { 6, 18 } drop"},
		{"meta l4proto { 6, 17 } drop", "meta l4proto { 6, 17, 18 } drop"},
		{"meta l4proto { 6, 17 } drop", "meta l4proto != { 6, 17 } drop"},
		{"ct mark set 1", "ct mark set 2"},
		{"meta mark set mark and 0xff", "meta mark set mark and 0xfe"},
		{"goto one", "goto two"},
		{"goto one", "jump one"},
		{"log group 5 prefix \"a\"", "log group 6 prefix \"a\""},
		{"log group 5 prefix \"a\"", "log group 5 prefix \"a\" snaplen 96"},
		{"update @limits { ip saddr limit rate 10/second burst 5 packets }",
			"update @limits { ip saddr limit rate 11/second burst 5 packets }"},
		{"update @limits { ip saddr limit rate 10/second burst 5 packets }",
			"update @limits { ip saddr limit rate over 10/second burst 5 packets }"},
		{"update @limits { ip saddr limit rate 10/second burst 5 packets }",
			"update @limits { ip saddr }"},
		{"update @limits { ip saddr }", "add @limits { ip saddr }"},
		{"reject with tcp reset", "reject with icmp admin-prohibited"},
		{"drop comment \"one\"", "drop comment \"two\""},
	} {
		ours, ok := rulesOfText[c.ours]
		if !ok {
			t.Fatalf("no statements for %q", c.ours)
		}
		h := newHost(t)
		r := rulesTable(ours)
		h.install(t, r)
		if got := h.drift(t, r); len(got) > 0 {
			t.Errorf("%s: got %q before the change, want no drift", c.ours, got)
		}
		h.nft(t, "flush chain ip bulkhead rules; add rule ip bulkhead rules "+c.theirs)
		want := []string{"different: ip rule 1 of chain rules"}
		if got := h.drift(t, r); !slices.Equal(got, want) {
			t.Errorf("%s became %s: got %q, want %q", c.ours, c.theirs, got, want)
		}
	}
}

var rulesOfText = map[string]rs.Rule{
	"ip saddr 10.0.0.0/8 drop":         rule(within(rs.IPSaddr, "10.0.0.0/8"), drop),
	"ip saddr 10.0.0.1 drop":           rule(is(rs.IPSaddr, ip("10.0.0.1")), drop),
	"ip saddr @peers drop":             rule(inSet(rs.IPSaddr, "peers"), drop),
	"ct original ip saddr @peers drop": rule(inSet(rs.CTOrigSaddr, "peers"), drop),
	"meta l4proto { 6, 17 } drop": rule(
		rs.OneOf{Field: rs.L4Proto, Values: []rs.Key{rs.Byte(6), rs.Byte(17)}}, drop),
	"ct mark set 1":               rule(rs.SetMark{CT: true, Or: 1}),
	"meta mark set mark and 0xff": rule(rs.SetMark{Keep: 0xff}),
	"goto one":                    rule(goTo("one")),
	"log group 5 prefix \"a\"":    rule(rs.Log{Group: 5, Prefix: "a"}),
	"update @limits { ip saddr limit rate 10/second burst 5 packets }": rule(rs.Update{
		Set: "limits", Fields: []rs.Field{rs.IPSaddr}, Limit: &rs.Rate{PerSecond: 10, Burst: 5}}),
	"update @limits { ip saddr }": rule(rs.Update{Set: "limits", Fields: []rs.Field{rs.IPSaddr}}),
	"reject with tcp reset":       rule(is(rs.L4Proto, rs.Byte(6)), rs.RejectWith{TCPReset: true}),
	"drop comment \"one\"":        {Statements: []rs.Statement{drop}, Comment: "one"},
}

func rulesTable(r rs.Rule) *rs.Ruleset {
	ipv4 := []rs.Type{rs.TypeIPv4}
	return &rs.Ruleset{Tables: []rs.Table{{Family: rs.IP,
		Sets: []rs.Set{{Name: "limits", Types: ipv4, Dynamic: &rs.Dynamic{Size: 100}},
			{Name: "others", Types: ipv4}, {Name: "peers", Types: ipv4}},
		Chains: []rs.Chain{{Name: "one"}, {Name: "rules", Rules: []rs.Rule{r}}, {Name: "two"}},
	}}}
}
