// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
)

// What our rules need of the kernel is missing: here, a place in a hook of the bridge, which holds
// so many chains and no more. The node says so, is not ready, attaches nobody, and has no half of
// the rules. When it is there, the agent finds it by itself.
func TestThreat095(t *testing.T) {
	s := newSite(t)
	f := s.unprotected(t)
	s.policies(t, peace)
	s.fill(t)
	p := s.launch(t, "agent: {resync: 1s}\n")
	s.await(t, "the agent answers", func() bool {
		return s.ask(t, agentapi.Request{Verb: agentapi.VerbReady}, nil) == nil
	})
	if got := strings.Join(s.lacks(t), "\n"); !strings.Contains(got, "cannot hold our rules") {
		t.Errorf("ready: got %q, want the reason why not", got)
	}
	s.refuses(t, 50, "STATUS", "a", nil, "cannot hold our rules")
	if code, words := s.plugin(t, "ADD", "a", nil); code == 0 {
		t.Errorf("ADD: got success, want an error; %s", words)
	}
	s.nothing(t)

	// An agent that is to close the node and cannot does not pretend to serve it.
	if err := p.end(syscall.SIGTERM); err != nil {
		t.Errorf("agent: got %v, want an orderly end", err)
	}
	p = s.launch(t, closedBase)
	if err := p.ended(t); err == nil || !strings.Contains(p.log.String(), "chain bridge") {
		t.Errorf("agent that cannot close the node: got %v, want an error that says why", err)
	}
	s.refuses(t, 50, "STATUS", "a", nil, "down")
	s.nothing(t)

	s.launch(t, "agent: {resync: 1s}\n")
	s.await(t, "the agent answers", func() bool {
		return s.ask(t, agentapi.Request{Verb: agentapi.VerbReady}, nil) == nil
	})
	s.Run(t, "nft", "delete", "table", "bridge", "full")
	s.await(t, "the agent is ready", func() bool { return len(s.lacks(t)) == 0 })
	s.add(t)
	s.during(t, f, "all is there", func() {})
}

// fill adds chains to the hook forward of the bridge until it takes no more.
func (s *site) fill(t testing.TB) {
	t.Helper()
	var most strings.Builder
	most.WriteString("table bridge full {\n")
	for i := range 1000 {
		fmt.Fprintf(&most, "chain c%d { type filter hook forward priority 100; }\n", i)
	}
	s.Nft(t, most.String()+"}\n")
	for i := 1000; ; i++ {
		chain := fmt.Sprintf("add chain bridge full c%d { type filter hook forward priority 100; }", i)
		out, err := s.Command("", "nft", chain)
		if err != nil && strings.Contains(out, "too long") {
			return
		}
		if err != nil || i > 1100 {
			t.Fatalf("chain %d: %v\n%s", i, err, out)
		}
	}
}

// nothing demands that the kernel has no rule of ours and the registry no endpoint.
func (s *site) nothing(t testing.TB) {
	t.Helper()
	if got := s.Run(t, "nft", "list", "tables"); strings.Contains(got, "bulkhead") {
		t.Errorf("tables: got %s, want none of ours", got)
	}
	if files := s.files(t, "endpoints"); len(files) > 0 {
		t.Errorf("endpoints: got %v, want none", files)
	}
}

// Without the right to change the network, the agent ends with the reason; what was closed at boot
// stays closed, and nobody is attached.
func TestThreat095Rights(t *testing.T) {
	powerless := []string{"setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--"}
	s := newSite(t)
	f := s.unprotected(t)
	s.policies(t, peace)
	s.Run(t, program(t, "bulkheadd"), append(append([]string{"base"}, s.flags()...),
		s.configured(t, closedBase)...)...)
	s.run(t, f, everyWay())
	began := time.Now()
	p := s.launch(t, closedBase, powerless...)
	err := p.ended(t)
	if err == nil || !strings.Contains(p.log.String(), "operation not permitted") {
		t.Errorf("agent: got %v, want an error that says why", err)
	}
	s.refuses(t, 50, "STATUS", "a", nil, "down")
	s.refuses(t, 11, "ADD", "a", nil, "down")
	f.halt()
	f.closed(t, "no rights", everyWay(), began)
}

// files are those below a part of the state directory.
func (s *site) files(t testing.TB, part string) []string {
	t.Helper()
	var out []string
	at := filepath.Join(s.options.StateDir, part)
	err := filepath.WalkDir(at, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			out = append(out, path)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return out
}

// Containers come and go all the time: no rule, set, element, file, descriptor or goroutine is left
// of them, and nothing opens meanwhile.
func TestThreat098(t *testing.T) {
	const rounds = 20
	s, f, p := governed(t)
	names := []string{"b", "a", "e", "d"}
	cycle := func() {
		for _, name := range names {
			s.del(t, name)
			s.add(t, name)
		}
	}
	cycle()
	rules, files, before := s.owned(t), len(s.files(t, "")), p.resources(t)
	s.run(t, f, deniedWays)
	began := time.Now()
	for range rounds {
		cycle()
	}
	took := time.Since(began)
	f.halt()
	f.closed(t, "churn", deniedWays, began)
	t.Logf("%d starts and stops in %v, %.0f a minute", rounds*len(names), took,
		float64(rounds*len(names))/took.Minutes())
	s.same(t, "after churn", rules)
	if got := s.files(t, ""); len(got) != files {
		t.Errorf("files: got %v, want %d", got, files)
	}
	p.leaks(t, before)
	s.during(t, f, "after churn", func() {})
	s.del(t, members...)
	for _, of := range []string{`"br0" . `, "10.1.0.2", "veth-e", "fd00:1::2"} {
		if strings.Contains(s.owned(t), of) {
			t.Errorf("without containers: %q is in our tables", of)
		}
	}
	s.await(t, "the counters are read, and go too", func() bool {
		return !strings.Contains(s.owned(t), "counter ingress-")
	})
}

// Many operations of every kind leave the agent as it was: no descriptor, thread or goroutine.
func TestThreat149Agent(t *testing.T) {
	s, f, p := governed(t)
	endpoint := s.attachment("a").Endpoint.ID
	round := func(times int) {
		for i := range times {
			s.edit(t, peace+[]string{"", isolate("d"), "{{{"}[i%3])
			for _, r := range []agentapi.Request{
				{Verb: agentapi.VerbApply}, {Verb: agentapi.VerbPolicies},
				{Verb: agentapi.VerbEndpoints}, {Verb: agentapi.VerbStatus},
				{Verb: agentapi.VerbQuarantine,
					Quarantine: &agentapi.Quarantine{Endpoint: endpoint}},
				{Verb: agentapi.VerbRelease, Release: &agentapi.Release{Endpoint: endpoint}},
				{Verb: agentapi.VerbLabel, Label: &agentapi.Label{Endpoint: endpoint,
					Set: map[string]string{"zone": "x"}}},
				{Verb: agentapi.VerbLabel, Label: &agentapi.Label{Endpoint: endpoint,
					Remove: []string{"zone"}}},
			} {
				s.must(t, r)
			}
			if err := s.ask(t, agentapi.Request{Verb: "nonsense"}, nil); err == nil {
				t.Error("verb nonsense: got success, want an error")
			}
			s.repaired(t, "flush", func() { s.Run(t, "nft", "flush", "ruleset") })
			if err := p.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			s.Run(t, "ip", "link", "set", portOf("d"), "down")
			s.Run(t, "ip", "link", "set", portOf("d"), "up")
		}
		s.edit(t, peace)
		s.must(t, agentapi.Request{Verb: agentapi.VerbApply})
	}
	round(6)
	before := p.resources(t)
	round(15)
	p.leaks(t, before)
	s.Run(t, "ip", "link", "set", portOf("d"), "up")
	s.during(t, f, "after many operations", func() {})
}

// Nobody but root speaks to the agent: its socket has a mode that keeps others away, and the agent
// hangs up on whoever comes past the mode.
func TestThreat130(t *testing.T) {
	s := newSite(t)
	s.startAgent(t, closedBase)
	// The directories above are the test's, and closed: only the socket's own protection is asked.
	for dir := s.options.StateDir; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, info.Mode().Perm()|0o011); err != nil {
			t.Fatal(err)
		}
	}
	self := filepath.Join(filepath.Dir(s.options.StateDir), "visitor")
	image, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(self, image, 0o755); err != nil {
		t.Fatal(err)
	}
	visits := func(user string) string {
		t.Helper()
		out, err := s.Command("", "setpriv", "--reuid="+user, "--regid="+user, "--clear-groups",
			"env", visitor+"="+s.socket(), self)
		if err != nil && out == "" {
			t.Fatalf("visit: %v", err)
		}
		return out
	}
	if got := visits("0"); !strings.HasPrefix(got, "connected") {
		t.Errorf("root: got %q, want a connection", got)
	}
	if got := visits("1000"); !strings.Contains(got, "permission denied") {
		t.Errorf("user 1000: got %q, want permission denied", got)
	}
	if err := os.Chmod(s.socket(), 0o666); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	const inTime = 3 * time.Second // of the five that a request may take
	hungUp := regexp.MustCompile("^connected, then: .*(EOF|reset by peer|broken pipe)")
	if got := visits("1000"); !hungUp.MatchString(got) || time.Since(began) > inTime {
		t.Errorf("user 1000, anybody's socket: got %q within %v, want the agent to hang up", got,
			time.Since(began))
	}
	if got := s.lacks(t); len(got) > 0 {
		t.Errorf("root afterwards: got %v, want a ready agent", got)
	}
}
