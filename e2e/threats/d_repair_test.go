// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agent"
)

// without is a script that deletes an object together with the rules and elements that name it: the
// chains that do are emptied first.
func (s *site) without(t testing.TB, family, kind, name, reference string) string {
	t.Helper()
	var script strings.Builder
	chain := regexp.MustCompile(`^\tchain (\S+) \{`)
	var in string
	seen := map[string]bool{}
	for line := range strings.Lines(s.Run(t, "nft", "list", "table", family, "bulkhead")) {
		if m := chain.FindStringSubmatch(line); m != nil {
			in = m[1]
		}
		if strings.HasPrefix(line, "\t\t") && strings.Contains(line, reference) && !seen[in] {
			seen[in] = true
			fmt.Fprintf(&script, "flush chain %s bulkhead %s\n", family, in)
		}
	}
	fmt.Fprintf(&script, "delete %s %s bulkhead %s\n", kind, family, name)
	return script.String()
}

// Somebody deletes, empties or adds something of each kind in each of our tables. It is as it was
// within the goal, and so are the verdicts.
func TestThreat092(t *testing.T) {
	s, f, _ := governed(t)
	group := regexp.MustCompile(`ingress-\w+`).FindString(
		s.Run(t, "nft", "list", "map", "ip", "bulkhead", "ingress"))
	if group == "" {
		t.Fatal("map ingress: leads to no group")
	}
	handle := regexp.MustCompile(`(?m)drop # handle (\d+)$`).FindStringSubmatch(
		s.Run(t, "nft", "-a", "list", "chain", "ip", "bulkhead", "drop-quarantine"))
	if handle == nil {
		t.Fatal("chain drop-quarantine: no rule that drops")
	}
	bound := "{ " + portOf("e") + " . 10.2.0.2 }"
	for _, tc := range []struct{ name, script string }{
		{"rule deleted", "delete rule ip bulkhead drop-quarantine handle " + handle[1]},
		{"rule added", "insert rule ip bulkhead forward accept"},
		{"rule replaced", "flush chain ip bulkhead drop-spoof\nadd rule ip bulkhead drop-spoof accept"},
		{"group chain emptied", "flush chain ip bulkhead " + group},
		{"base chain deleted", "flush chain ip bulkhead guard\ndelete chain ip bulkhead guard"},
		{"chain added", "add chain ip6 bulkhead mine { type filter hook forward priority -20; }"},
		{"element deleted", "delete element ip bulkhead bind " + bound},
		{"element added", `add element ip bulkhead open-ingress { "br0" . 10.1.0.3 }`},
		{"map element deleted", `delete element ip bulkhead ingress { "br0" . 10.1.0.3 }`},
		{"set emptied", "flush set ip6 bulkhead addresses"},
		{"set added", "add set ip bulkhead mine { type ipv4_addr; }"},
		{"set deleted", s.without(t, "ip", "set", "isolated", "@isolated")},
		{"map deleted", s.without(t, "ip6", "map", "to-host", "@to-host")},
		{"counter deleted", s.without(t, "ip", "counter", "drop-spoof", `"drop-spoof"`)},
		{"live epoch replaced", "flush set ip bulkhead live\nadd element ip bulkhead live { 0x70000 }"},
		{"bridge chain emptied", "flush chain bridge bulkhead guard"},
		{"bridge element deleted", "delete element bridge bulkhead ports { " + portOf("b") + " }"},
		{"table deleted", "delete table ip6 bulkhead"},
		{"table set dormant", "add table ip bulkhead { flags dormant; }"},
	} {
		want := s.owned(t)
		took := s.repaired(t, tc.name, func() { s.Nft(t, tc.script+"\n") })
		if t.Logf("%s: repaired within %v", tc.name, took); took > goal {
			t.Errorf("%s: repaired within %v, want %v", tc.name, took, goal)
		}
		s.same(t, tc.name, want)
	}
	s.during(t, f, "all is repaired", func() {})
}

// What containers left that died without a word, what an older version left in our tables, is gone
// after GC and a start of the agent. What belongs to others stays, whatever its name.
func TestThreat097(t *testing.T) {
	s, f, p := governed(t)
	clean := s.owned(t)
	if err := p.end(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.Run(t, "ip", "link", "del", portOf("d")) // a container that dies
	others := map[string]string{}
	for _, table := range []string{"inet bulkhead", "ip bulkhead-old", "netdev bulkhead"} {
		s.Nft(t, "table "+table+" { set s { type ipv4_addr; elements = { 10.8.0.2 }; }; "+
			"chain c { ip saddr @s counter; }; }\n")
		others[table] = s.Run(t, "nft", append([]string{"list", "table"}, strings.Fields(table)...)...)
	}
	s.Nft(t, `
		add set ip bulkhead endpoints-v0 { type ipv4_addr; }
		add element ip bulkhead endpoints-v0 { 10.8.0.2 }
		add map ip bulkhead dispatch-v0 { type ifname : verdict; }
		add chain ip bulkhead from-v0
		add rule ip bulkhead from-v0 ip saddr @endpoints-v0 accept
		add chain ip bulkhead forward-v0 { type filter hook forward priority -20; }
		add rule ip bulkhead forward-v0 jump from-v0
		add counter ip6 bulkhead dropped-v0
		add chain bridge bulkhead forward-v0 { type filter hook forward priority -20; }
		add element ip bulkhead bind { "gone0" . 10.9.9.9 }
		add element ip bulkhead addresses { 10.9.9.9 }
	`)
	if s.owned(t) == clean {
		t.Fatal("stale objects: nothing of them is seen")
	}
	s.startAgent(t, closedBase)
	s.same(t, "after the start", clean)
	if got := s.summary(t).Endpoints[agent.EndpointNotEnforced]; got != 1 {
		t.Errorf("dead container: got %d endpoints that are not enforced, want 1", got)
	}
	var valid []object
	for _, name := range []string{"a", "b", "c", "e", "f"} {
		valid = append(valid, object{"containerID": strings.Repeat(name, 12), "ifname": "eth0"})
	}
	if code, words := s.plugin(t, "GC", "a", object{"cni.dev/valid-attachments": valid}); code != 0 {
		t.Fatalf("GC: got code %d, %s", code, words)
	}
	for _, of := range []string{places["d"].v4, places["d"].v6 + " ", portOf("d")} {
		if strings.Contains(s.owned(t), of) {
			t.Errorf("after GC: %q is in our tables", of)
		}
	}
	for table, want := range others {
		got := s.Run(t, "nft", append([]string{"list", "table"}, strings.Fields(table)...)...)
		if got != want {
			t.Errorf("table %s: got %s, want %s", table, got, want)
		}
	}
	living := []way{{"c", "b"}, {"x", "b"}, {"x", "e"}}
	s.run(t, f, append(living, allowedWays...))
	began := time.Now()
	time.Sleep(200 * time.Millisecond)
	f.halt()
	f.open(t, "afterwards", allowedWays)
	f.closed(t, "afterwards", living, began)
}

// br_netfilter is switched off while the agent runs. Until it is on again, the bridge is closed;
// the agent hears of a bridge's own flag, and finds the node's with its resync.
func TestThreat034Agent(t *testing.T) {
	s := newSite(t)
	f := s.unprotected(t)
	s.policies(t, peace)
	s.startAgent(t, closedBase+"agent: {resync: 1s}\n")
	s.add(t)
	flags := func(to string) {
		s.Run(t, "ip", "link", "set", "br0", "type", "bridge", "nf_call_iptables", to,
			"nf_call_ip6tables", to)
	}
	global := func(to string) {
		for _, name := range []string{"iptables", "ip6tables"} {
			s.Sysctl(t, "net/bridge/bridge-nf-call-"+name, to)
		}
	}
	on := func() bool {
		link := s.Run(t, "ip", "-d", "link", "show", "br0")
		return strings.Contains(link, "nf_call_iptables 1") &&
			strings.Contains(link, "nf_call_ip6tables 1")
	}
	for _, tc := range []struct {
		name string
		off  func()
	}{
		{"flags of the bridge", func() { flags("0") }},
		{"the node's and the bridge's", func() { global("0"); flags("0") }},
		{"one after the other", func() { global("1"); flags("0"); flags("1"); flags("0"); global("0") }},
		{"flags while the bridge is down", func() {
			s.Run(t, "ip", "link", "set", "br0", "down")
			flags("0")
			s.Run(t, "ip", "link", "set", "br0", "up")
		}},
	} {
		s.run(t, f, everyWay())
		began := time.Now()
		time.Sleep(100 * time.Millisecond)
		tc.off()
		took := s.await(t, tc.name+": on again", on)
		if t.Logf("%s: on again within %v", tc.name, took); took > 2*time.Second {
			t.Errorf("%s: on again within %v, want the resync of a second", tc.name, took)
		}
		time.Sleep(100 * time.Millisecond)
		f.halt()
		f.closed(t, tc.name, deniedWays, began)
		s.forgetNeighbours(t)
		s.during(t, f, tc.name+": afterwards", func() {})
	}
}
