// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files under testdata")

// summary prints what a Set enforces, a line for each policy and each rule.
func summary(set *Set) string {
	var b strings.Builder
	for _, p := range set.Policies {
		subject := p.Subject.peer()
		fmt.Fprintf(&b, "%s: %s %d %s, %s", p.Ref, p.Tier, p.Priority, p.Mode, subject.Key())
		for _, d := range []Direction{Egress, Ingress} {
			if p.Isolates[d] {
				fmt.Fprintf(&b, ", isolated for %s", d)
			}
		}
		b.WriteString("\n")
		for _, d := range []Direction{Egress, Ingress} {
			for _, r := range p.Rules[d] {
				fmt.Fprintf(&b, "  %s %s\n", d, ruleText(p, r))
			}
		}
	}
	for _, d := range set.Documents {
		fmt.Fprintf(&b, "document %s:%d %s\n", d.File, d.Line, d.Ref)
	}
	return b.String()
}

func ruleText(p *Policy, r Rule) string {
	var peers, ports []string
	for _, peer := range r.Peers {
		peers = append(peers, peer.Key())
	}
	for _, port := range r.Ports {
		ports = append(ports, port.Key())
	}
	if r.AnyPeer {
		peers = []string{"anybody"}
	}
	if r.AnyPort {
		ports = []string{"anything"}
	}
	text := fmt.Sprintf("%d %s [%s] [%s] log %s", r.Index, p.RuleAction(r),
		strings.Join(peers, "; "), strings.Join(ports, "; "), r.Log)
	if r.Name != "" {
		text += " name " + r.Name
	}
	if r.Closed != "" {
		text += " CLOSED: " + r.Closed
	}
	return text
}

// TestBadDocuments compares every problem, and what is enforced in spite of them, with a golden
// file. Rewrite the goldens with -update, and read them.
func TestBadDocuments(t *testing.T) { goldens(t, "testdata/bad", true) }

// TestGoodDocuments does the same with documents that are accepted.
func TestGoodDocuments(t *testing.T) { goldens(t, "testdata/good", false) }

func goldens(t *testing.T, dir string, bad bool) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no documents in %s", dir)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			set := Load([]File{{Name: filepath.Base(file), Data: text}}, nil)
			if HasErrors(set.Problems) != bad {
				t.Errorf("got errors %t, want %t: %v", !bad, bad, set.Problems)
			}
			var b strings.Builder
			for _, p := range set.Problems {
				fmt.Fprintln(&b, p)
			}
			fmt.Fprintf(&b, "\n%s", summary(set))
			compare(t, strings.TrimSuffix(file, ".yaml")+".want", b.String())
		})
	}
}

func compare(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		g, w := line(gotLines, i), line(wantLines, i)
		if g != w {
			t.Errorf("%s:%d:\n  got  %s\n  want %s", golden, i+1, g, w)
		}
	}
}

func line(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}
