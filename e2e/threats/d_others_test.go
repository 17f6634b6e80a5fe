// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agent"
	"github.com/bulkhead-net/bulkhead/internal/compile"
)

// goal is within which the agent repairs what somebody else did to our tables.
const goal = time.Second

// governed is a site under an agent, with all containers attached and the traffic proven.
func governed(t *testing.T) (*site, *traffic, *process) {
	t.Helper()
	s := newSite(t)
	f := s.unprotected(t)
	s.policies(t, peace)
	p := s.startAgent(t, closedBase)
	s.add(t)
	return s, f, p
}

// during runs the traffic while something happens, and demands that the verdicts do not change
// by it.
func (s *site) during(t *testing.T, f *traffic, what string, happens func()) {
	t.Helper()
	s.run(t, f, everyWay())
	began := time.Now()
	time.Sleep(100 * time.Millisecond)
	happens()
	time.Sleep(100 * time.Millisecond)
	f.halt()
	f.open(t, what, allowedWays)
	f.closed(t, what, deniedWays, began)
}

// Somebody flushes the node's whole ruleset. Nothing of ours is there until the agent has heard of
// it and loaded everything anew: well within the goal, also the second time in a row.
func TestThreat085(t *testing.T) {
	s, f, _ := governed(t)
	const service = "flush ruleset\ntable inet filter { chain input { type filter hook input " +
		"priority filter; policy accept; }; }\n"
	flush := func() { s.Run(t, "nft", "flush", "ruleset") }
	restart := func() { s.Nft(t, service) }
	for _, tc := range []struct {
		name    string
		damages []func()
	}{
		{"nft flush ruleset", []func(){flush}},
		{"one flush after the other", []func(){flush, flush, flush}},
		{"restarts of the unit nftables", []func(){restart, restart}},
		{"our tables deleted", []func(){func() {
			s.Nft(t, "delete table ip bulkhead\ndelete table ip6 bulkhead\n"+
				"delete table bridge bulkhead\n")
		}}},
	} {
		s.run(t, f, everyWay())
		began := time.Now()
		for _, damage := range tc.damages {
			if took := s.repaired(t, tc.name, damage); took > goal {
				t.Errorf("%s: repaired within %v, want %v", tc.name, took, goal)
			}
		}
		repaired := time.Now()
		time.Sleep(200 * time.Millisecond)
		f.halt()
		passed := 0
		for _, one := range f.of(deniedWays) {
			n, _ := f.since(one, began)
			passed += n
		}
		t.Logf("%s: %d repairs in %v; %d of %d denied datagrams passed meanwhile", tc.name,
			len(tc.damages), repaired.Sub(began), passed, f.total(deniedWays))
		f.closed(t, tc.name, deniedWays, repaired)
		s.during(t, f, tc.name+": afterwards", func() {})
	}
	if got := s.Run(t, "nft", "list", "tables"); !strings.Contains(got, "inet filter") {
		t.Errorf("tables: got %s, want the unit's too", got)
	}
}

// What empties the tables of iptables does not touch ours: nothing passes, nothing is repaired.
func TestThreat085Iptables(t *testing.T) {
	s, f, _ := governed(t)
	for _, tool := range []string{"iptables-nft", "ip6tables-nft", "iptables-legacy",
		"ip6tables-legacy"} {
		before := s.summary(t)
		s.during(t, f, tool, func() {
			for _, table := range []string{"filter", "nat", "mangle", "raw"} {
				s.Run(t, tool, "-t", table, "-N", "OTHER")
				s.Run(t, tool, "-t", table, "-F")
				s.Run(t, tool, "-t", table, "-X")
			}
		})
		if now := s.summary(t); now.Generation != before.Generation || now.Repairs != before.Repairs {
			t.Errorf("%s: got %+v, want nothing changed since %+v", tool, now, before)
		}
	}
}

// firewalld reloads: as its nftables backend does it, a table that drops all but established flows
// stands in while its own is deleted and made anew, and iptables is flushed (FlushAllOnReload).
func TestThreat086(t *testing.T) {
	s, f, _ := governed(t)
	const own = `table inet firewalld {
		chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept; }
		chain filter_INPUT { type filter hook input priority filter + 10; policy accept; }
		chain mangle_PREROUTING { type filter hook prerouting priority mangle + 10; }
	}
	`
	const standIn = `table inet firewalld_policy_drop {
		chain filter_input { type filter hook input priority filter + 9; policy drop;
			ct state { established, related } accept; }
		chain filter_forward { type filter hook forward priority filter + 9; policy drop;
			ct state { established, related } accept; }
		chain filter_output { type filter hook output priority filter + 9; policy drop;
			ct state { established, related } accept; }
	}
	`
	s.Nft(t, own)
	before := s.summary(t)
	s.run(t, f, everyWay())
	began := time.Now()
	for range 10 {
		s.Nft(t, standIn)
		for _, tool := range []string{"iptables-nft", "ip6tables-nft"} {
			s.Run(t, tool, "-F")
			s.Run(t, tool, "-X")
		}
		s.Nft(t, "delete table inet firewalld\n")
		s.Nft(t, own)
		s.Nft(t, "delete table inet firewalld_policy_drop\n")
	}
	time.Sleep(200 * time.Millisecond)
	f.halt()
	f.closed(t, "firewalld reloads", deniedWays, began)
	s.during(t, f, "firewalld has reloaded", func() {})
	if now := s.summary(t); now.Generation != before.Generation || now.Repairs != before.Repairs {
		t.Errorf("reloads: got %+v, want nothing changed since %+v", now, before)
	}
}

// Another manager of the node's rules changes its backend: it flushes what it has by one iptables
// and adds it by the other. Ours are judged by neither.
func TestThreat088(t *testing.T) {
	s, f, _ := governed(t)
	manage := func(tool string) {
		for _, line := range []string{"-t filter -N OTHER", "-t filter -A OTHER -j ACCEPT",
			"-t filter -I FORWARD -j OTHER", "-t mangle -A PREROUTING -j ACCEPT",
			"-t raw -A PREROUTING -j ACCEPT"} {
			s.Run(t, tool, strings.Fields(line)...)
		}
	}
	leave := func(tool string) {
		for _, table := range []string{"filter", "mangle", "raw"} {
			s.Run(t, tool, "-t", table, "-F")
			s.Run(t, tool, "-t", table, "-X")
		}
	}
	before := s.summary(t)
	s.during(t, f, "backends change", func() {
		for range 3 {
			for _, pair := range [][2]string{{"legacy", "nft"}, {"nft", "legacy"}} {
				for _, family := range []string{"iptables-", "ip6tables-"} {
					manage(family + pair[0])
				}
				for _, family := range []string{"iptables-", "ip6tables-"} {
					leave(family + pair[0])
					manage(family + pair[1])
				}
				for _, family := range []string{"iptables-", "ip6tables-"} {
					leave(family + pair[1])
				}
			}
		}
	})
	if now := s.summary(t); now.Generation != before.Generation || now.Repairs != before.Repairs {
		t.Errorf("backends change: got %+v, want nothing changed since %+v", now, before)
	}
}

// Rules of both backends of iptables are on the node at a time, and accept everything. The verdicts
// are ours; of a rule that could forge them the agent warns. It sees those of iptables-nft.
func TestThreat089(t *testing.T) {
	s, f, p := governed(t)
	for _, tool := range []string{"iptables-legacy", "ip6tables-legacy", "iptables-nft",
		"ip6tables-nft"} {
		s.Run(t, tool, "-I", "FORWARD", "-j", "ACCEPT")
		s.Run(t, tool, "-t", "raw", "-A", "PREROUTING", "-j", "ACCEPT")
	}
	s.during(t, f, "two backends accept", func() {})
	if got := s.summary(t); len(got.MarkWriters) > 0 {
		t.Errorf("writers of marks: got %v, want none yet", got.MarkWriters)
	}
	s.Run(t, "iptables-nft", "-t", "mangle", "-A", "OUTPUT", "-j", "CONNMARK", "--set-mark",
		"0x70000")
	s.await(t, "the writer of marks is told", func() bool {
		return len(s.summary(t).MarkWriters) == 1
	})
	got := s.summary(t)
	if got.Endpoints[agent.EndpointNotEnforced] != len(members) ||
		!strings.Contains(got.MarkWriters[0], "ip mangle OUTPUT") ||
		!strings.Contains(p.log.String(), "level=WARN") {
		t.Errorf("got %+v, want a warning that names the rule", got)
	}
}

// Chains of others that accept earlier open nothing, wherever they hook; those that drop do, and
// are not counted as ours, before us and after us.
func TestThreat091(t *testing.T) {
	s, f, _ := governed(t)
	var early strings.Builder
	for _, family := range []string{"ip", "ip6", "inet"} {
		early.WriteString("table " + family + " early {\n")
		for _, hook := range []string{"prerouting", "forward", "input", "postrouting"} {
			early.WriteString("chain " + hook + " { type filter hook " + hook +
				" priority -1000; policy accept; accept; }\n")
		}
		early.WriteString("}\n")
	}
	early.WriteString("table bridge early { chain p { type filter hook prerouting priority -1000; " +
		"accept; }; chain f { type filter hook forward priority -1000; accept; }; }\n")
	s.Nft(t, early.String())
	s.during(t, f, "others accept earlier", func() {})

	allowed := strings.Join([]string{places["a"].v4, places["f"].v4}, ", ")
	allowed6 := strings.Join([]string{places["a"].v6, places["f"].v6}, ", ")
	for name, priority := range map[string]string{"before us": "-400", "after us": "10"} {
		s.Nft(t, "table inet others { chain c { type filter hook forward priority "+priority+
			"; ip saddr { "+allowed+" } counter drop; ip6 saddr { "+allowed6+" } counter drop; }; }")
		before := s.refused(t)
		s.run(t, f, allowedWays)
		began := time.Now()
		time.Sleep(200 * time.Millisecond)
		f.halt()
		f.closed(t, "others drop "+name, allowedWays, began)
		grown := moved(before, s.refused(t))
		delete(grown, "untracked") // discovery that the containers' kernels send by themselves
		delete(grown, "multicast")
		delete(grown, compile.CanaryReason) // the agent's own, once a minute
		if len(grown) > 0 {
			t.Errorf("others drop %s: counted as ours: %v, want nothing", name, grown)
		}
		s.Run(t, "nft", "delete", "table", "inet", "others")
	}
	s.during(t, f, "others are gone", func() {})
	if got := s.summary(t).Endpoints[agent.EndpointEnforced]; got != len(members) {
		t.Errorf("enforced: got %d endpoints, want %d", got, len(members))
	}
}
