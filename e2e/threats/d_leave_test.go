// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What changes by itself: timers of bridges, and figures of the machine among the settings.
var (
	timers  = regexp.MustCompile(`\w+_timer +\S+ `)
	passing = regexp.MustCompile(`nf_conntrack_(count|buckets)|ip_local_port|tcp_mem|udp_mem`)
)

// machineState is all that somebody could find of us on the node, and all that is others'.
func (s *site) machineState(t testing.TB) string {
	t.Helper()
	var text strings.Builder
	for _, line := range []string{"nft -s list ruleset", "ip -d link", "bridge -d link", "ip addr",
		"ip route", "ip -6 route", "iptables-legacy-save | grep -v ^# | sed 's/ \\[[0-9:]*\\]$//'",
		"grep -rs . /proc/sys/net/bridge /proc/sys/net/ipv4 /proc/sys/net/netfilter | sort"} {
		for one := range strings.Lines(s.Run(t, "sh", "-c", line)) {
			if !passing.MatchString(one) {
				text.WriteString(line + ": " + timers.ReplaceAllString(one, ""))
			}
		}
	}
	return text.String()
}

// Uninstalling a node whose agent was stopped leaves it as it was before, with everything that is
// others'.
func TestThreat101(t *testing.T) {
	s := newSite(t)
	f := s.unprotected(t)
	s.Nft(t, `table inet others { set s { type ipv4_addr; elements = { 10.1.0.3 }; };
		chain c { type filter hook forward priority 0; ip saddr @s counter; }; }`)
	s.Nft(t, "table netdev bulkhead { chain c { }; }")
	s.Run(t, "iptables-legacy", "-A", "FORWARD", "-j", "ACCEPT")
	s.Run(t, "ip", "link", "set", "br1", "type", "bridge", "nf_call_iptables", "1",
		"nf_call_ip6tables", "1") // an administrator's own
	before := s.machineState(t)
	s.policies(t, peace)
	p := s.startAgent(t, closedBase)
	s.add(t)
	s.during(t, f, "installed", func() {})
	if s.machineState(t) == before {
		t.Fatal("installed: nothing of it is seen")
	}
	if err := p.end(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.during(t, f, "agent stopped", func() {})
	if out, err := s.ctl(t, "uninstall", "--yes"); err != nil {
		t.Fatalf("uninstall: %v\n%s", err, out)
	}
	got, want := strings.Split(s.machineState(t), "\n"), strings.Split(before, "\n")
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("uninstalled: line %d of %d differs, want %d:\n%s", i, len(got), len(want),
				strings.Join(append(got[min(i, len(got)):min(i+1, len(got))],
					want[min(i, len(want)):min(i+1, len(want))]...), "\n"))
			break
		}
	}
	if marks, err := s.Command("", "conntrack", "-L", "-o", "extended"); err != nil ||
		strings.Contains(strings.ReplaceAll(marks, "mark=0 ", ""), "mark=") {
		t.Errorf("connections: got %v, want none with a mark:\n%s", err, marks)
	}
	for _, file := range s.files(t, "") {
		if !strings.HasSuffix(file, "lock") {
			t.Errorf("state directory: got %s, want the lock alone", file)
		}
	}
	s.run(t, f, everyWay())
	time.Sleep(200 * time.Millisecond)
	f.halt()
	f.open(t, "uninstalled", everyWay())
}
