// SPDX-License-Identifier: Apache-2.0

package nft_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/nft"
)

const (
	epochMask  = 0xffff0000
	passedMark = 0x01000000
)

// writers is what MarkWriters finds, one line for each, without handles.
func (h host) writers(t *testing.T) []string {
	t.Helper()
	found, err := h.MarkWriters(epochMask, passedMark)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, w := range found {
		if w.Handle == 0 {
			t.Errorf("%v: got no handle, want one", w)
		}
		lines = append(lines, strings.Replace(w.String(), fmt.Sprintf(" handle %d", w.Handle), "", 1))
	}
	return lines
}

func TestMarkWritersOfNft(t *testing.T) {
	const ct, packet = "conntrack", "packet"
	finding := func(verb, bits, mark string) string {
		return verb + " bits " + bits + " of the " + mark + " mark"
	}
	forges := func(bits, mark string) string { return finding("can forge", bits, mark) }
	clears := func(bits, mark string) string { return finding("clears", bits, mark) }
	h := newHost(t)
	for _, c := range []struct{ rule, want string }{
		// The conntrack mark.
		{"ct mark set 0x00010000", forges("0xffff0000", ct)},
		{"ct mark set 0x1", clears("0xffff0000", ct)},
		{"ct mark set 0", clears("0xffff0000", ct)},
		{"ct mark set ct mark & 0xffff0000 | 0x1", ""},
		{"ct mark set ct mark & 0xffff | 0x00010000", forges("0xffff0000", ct)},
		{"ct mark set ct mark & 0xffff", clears("0xffff0000", ct)},
		{"ct mark set ct mark & 0xff00ffff", clears("0x00ff0000", ct)},
		{"ct mark set ct mark | 0x00100000", forges("0x00100000", ct)},
		{"ct mark set ct mark ^ 0x00100000", forges("0x00100000", ct)},
		{"ct mark set ct mark", ""},
		{"ct mark set ct mark << 4", forges("0xffff0000", ct)},
		{"ct mark set ct mark >> 4", forges("0xffff0000", ct)},
		{"ct mark set ct mark >> 16", clears("0xffff0000", ct)},
		{"ct mark set meta mark", forges("0xffff0000", ct)},
		{"ct mark set meta mark & 0xff", clears("0xffff0000", ct)},
		{"ct mark set meta mark & 0x00030000", forges("0xffff0000", ct)},
		{"ct mark set ip saddr map { 10.0.0.1 : 0x10 }", forges("0xffff0000", ct)},
		{"ct mark set jhash ip saddr mod 4", forges("0xffff0000", ct)},
		// A register that held the mark, and holds something else since.
		{"ct mark and 0xff == 1 ct mark set jhash ip saddr mod 4", forges("0xffff0000", ct)},
		{"ct mark 0x00010000 counter accept", ""},
		{"ct zone set 1", ""},
		// The packet mark.
		{"meta mark set 0x01000000", forges("0x01000000", packet)},
		{"meta mark set 0x00010000", clears("0x01000000", packet)},
		{"meta mark set meta mark | 0x4000", ""},
		{"meta mark set meta mark | 0x03000000", forges("0x01000000", packet)},
		{"meta mark set ct mark", forges("0x01000000", packet)},
		{"meta mark set ct mark & 0xff", clears("0x01000000", packet)},
		{"meta mark set jhash ip saddr mod 4", forges("0x01000000", packet)},
		{"meta priority set 1", ""},
		{"meta mark set 0x02000000 ct mark set 0x00020000",
			clears("0x01000000", packet) + "; " + forges("0xffff0000", ct)},
		// Tracking.
		{"notrack", "leaves packets untracked"},
	} {
		h.nft(t, "table ip other { chain c { type filter hook prerouting priority raw; "+
			"ip daddr 10.9.0.0/16 tcp dport 80 "+c.rule+"; }; }")
		var want []string
		for _, w := range strings.Split(c.want, "; ") {
			if w != "" {
				want = append(want, "ip other c: "+w)
			}
		}
		if got := h.writers(t); !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %q\nwant %q", c.rule, got, want)
		}
		h.nft(t, "delete table ip other")
	}
}

func TestMarkWritersOfIptables(t *testing.T) {
	h := newHost(t)
	for _, c := range []struct{ table, args, want string }{
		{"mangle", "CONNMARK --set-xmark 0x1/0xff", ""},
		{"mangle", "CONNMARK --set-mark 0x00010000", "can forge bits 0xffff0000 of the conntrack"},
		{"mangle", "CONNMARK --set-mark 0x1", "clears bits 0xffff0000 of the conntrack"},
		{"mangle", "CONNMARK --or-mark 0x00100000", "can forge bits 0x00100000 of the conntrack"},
		{"mangle", "CONNMARK --and-mark 0xfffff", "clears bits 0xfff00000 of the conntrack"},
		{"mangle", "CONNMARK --save-mark", "can forge bits 0xffff0000 of the conntrack"},
		{"mangle", "CONNMARK --save-mark --mask 0xff", ""},
		{"mangle", "CONNMARK --save-mark --nfmask 0xff --ctmask 0xfffff",
			"clears bits 0x000f0000 of the conntrack"},
		{"mangle", "CONNMARK --left-shift-mark 8 --save-mark --nfmask 0xff00 --ctmask 0xff",
			"can forge bits 0x00ff0000 of the conntrack"},
		{"mangle", "CONNMARK --restore-mark", "can forge bits 0x01000000 of the packet"},
		{"mangle", "CONNMARK --restore-mark --mask 0xff", ""},
		{"mangle", "MARK --set-xmark 0x1/0xff", ""},
		{"mangle", "MARK --set-mark 0x1", "clears bits 0x01000000 of the packet"},
		{"mangle", "MARK --or-mark 0x01000000", "can forge bits 0x01000000 of the packet"},
		{"mangle", "MARK --or-mark 0x4000", ""},
		{"mangle", "TPROXY --on-port 1 --tproxy-mark 0x1/0x1", ""},
		{"mangle", "TPROXY --on-port 1 --tproxy-mark 0x01000000",
			"can forge bits 0x01000000 of the packet"},
		{"mangle", "TOS --set-tos 4", ""},
		{"raw", "CT --notrack", "untracked"},
		{"raw", "CT --zone 4", ""},
		{"raw", "NOTRACK", "untracked"},
	} {
		for _, tool := range []string{"iptables-nft", "ip6tables-nft"} {
			args := append([]string{"-t", c.table, "-A", "PREROUTING", "-p", "tcp", "-j"},
				strings.Fields(c.args)...)
			if out, err := h.ns.Command("", tool, args...); err != nil {
				t.Fatalf("%s %v: %v\n%s", tool, args, err, out)
			}
		}
		got := h.writers(t)
		want := 0
		if c.want != "" {
			want = 2
		}
		for i, w := range got {
			family := []string{"ip ", "ip6 "}[i%2]
			if !strings.HasPrefix(w, family+c.table+" PREROUTING: ") || !strings.Contains(w, c.want) {
				t.Errorf("%s: got %q, want %q", c.args, w, c.want)
			}
		}
		if len(got) != want {
			t.Errorf("%s: got %q, want %d findings", c.args, got, want)
		}
		h.nft(t, "flush ruleset")
	}
}

// Our own rules write marks; every other table counts, also one of our name that is not ours.
func TestMarkWritersAreForeign(t *testing.T) {
	h := newHost(t)
	h.install(t, sample())
	h.nft(t, "add rule ip bulkhead done ct mark set 0x00010000")
	if got := h.writers(t); len(got) != 0 {
		t.Errorf("own rules: got %q, want none", got)
	}
	var want []string
	for _, family := range []string{"arp", "bridge", "inet", "ip", "ip6", "netdev"} {
		h.nft(t, "table "+family+" other { chain c { meta mark set 0x01000000; }; }")
		want = append(want, family+" other c: can forge bits 0x01000000 of the packet mark")
	}
	h.nft(t, "table inet bulkhead { chain c { ct mark set 0x00010000; }; }")
	want = append(want, "inet bulkhead c: can forge bits 0xffff0000 of the conntrack mark")
	got := h.writers(t)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("foreign rules: got %q, want %q", got, want)
	}
}

// A host with many rules is looked through in seconds, and what is returned is bounded.
func TestMarkWritersAmongManyRules(t *testing.T) {
	const rules = 20_000
	h := newHost(t)
	var b strings.Builder
	b.WriteString("table ip other { chain c {\n")
	for i := range rules {
		fmt.Fprintf(&b, "ip daddr 10.0.%d.%d counter accept\n", i/250, i%250)
	}
	b.WriteString(strings.Repeat("meta mark set 0x01000000\n", 1200))
	b.WriteString("ct mark set 0x1\nnotrack\n}; }")
	h.nft(t, b.String())
	start := time.Now()
	found, err := h.MarkWriters(epochMask, passedMark)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rules: %v", rules, time.Since(start))
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v, want less than a second", took)
	}
	count := map[nft.MarkKind]int{}
	for _, w := range found {
		count[w.Kind]++
	}
	if count[nft.Forges] != 1000 || count[nft.Clears] != 1 || count[nft.Untracks] != 1 {
		t.Errorf("got %v, want 1000 that forge and one each of the others", count)
	}
}
