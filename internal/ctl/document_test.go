// SPDX-License-Identifier: Apache-2.0

package ctl_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/node"
)

var update = flag.Bool("update", false, "rewrite the examples of docs/bulkheadctl.md")

const documentFile = "docs/bulkheadctl.md"

var (
	policyBlock  = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
	consoleBlock = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")
)

// TestDocument runs every example of the manual, in order, on one node, and wants the output
// that stands there: the manual is the golden file of the outputs.
func TestDocument(t *testing.T) {
	t.Chdir("../..")
	data, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	s := newSite(t)
	s.policies(t, "")
	s.attachAll(t)
	s.policies(t, policyBlock.FindStringSubmatch(text)[1])
	s.recordAll(t)
	example := shell{t: t, site: s}
	examples := 0
	got := consoleBlock.ReplaceAllStringFunc(text, func(block string) string {
		examples++
		want := consoleBlock.FindStringSubmatch(block)[1]
		have := example.replay(want)
		if essence(have) != essence(want) && !*update {
			t.Errorf("example:\n%s\nwant as the manual says (-update rewrites it):\n%s", have, want)
		}
		return "```console\n" + have + "```"
	})
	if examples < 10 {
		t.Errorf("got %d examples, want at least 10", examples)
	}
	if *update && got != text {
		if err := os.WriteFile(documentFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// What the manual shows of the ruleset's insides is an example: the names and numbers of rules
// have golden files of their own, and may change without the manual being wrong.
var (
	tracedRule = regexp.MustCompile(`(?m)^  (ip|ip6|bridge) \S+\[\d+\]: .*\n`)
	insides    = regexp.MustCompile(`after \d+ rules|\b\d+ operations|\b[0-9a-f]{12}\b|` +
		`\b[0-9a-f]{64}\b|\b\d+ differences, the first: [^;\n]*`)
	rendered = regexp.MustCompile(`(?m)^\t.*\n`)
	// An agent is of a version, has a number, and was started some time.
	running = regexp.MustCompile(`ready, .*, process \d+ since [^,]*`)
)

// essence is an output without the insides of the ruleset.
func essence(text string) string {
	text = tracedRule.ReplaceAllString(text, "")
	text = rendered.ReplaceAllString(text, "")
	text = running.ReplaceAllString(text, "ready")
	return insides.ReplaceAllString(text, "*")
}

// shell carries out the few commands that the manual uses.
type shell struct {
	t    *testing.T
	site *site
	code int
	kill func() // ends the agent
}

// replay runs the commands of a block and returns the block with their output.
func (s *shell) replay(block string) string {
	var b strings.Builder
	for _, line := range strings.Split(block, "\n") {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			fmt.Fprintf(&b, "%s\n%s", line, s.run(command))
		}
	}
	return b.String()
}

func (s *shell) run(line string) string {
	s.t.Helper()
	line, head, cut := strings.Cut(line, " | head -")
	words := strings.Fields(line)
	var out string
	switch words[0] {
	case "bulkheadctl":
		out = s.bulkheadctl(words[1:])
	case "echo": // $?
		out = fmt.Sprintln(s.code)
	case "bulkheadd":
		s.kill = s.site.agent(s.t)
	case "kill":
		s.kill()
	case "nft", "ip":
		out = s.site.net.Run(s.t, words[0], words[1:]...)
	default:
		s.t.Fatalf("the manual uses %q, which its test does not know", words[0])
	}
	if lines := 0; cut {
		if _, err := fmt.Sscan(head, &lines); err != nil {
			s.t.Fatal(err)
		}
		out = strings.Join(strings.SplitAfter(out, "\n")[:lines], "")
	}
	return out
}

// bulkheadctl runs with the site's directories in place of the machine's.
func (s *shell) bulkheadctl(words []string) string {
	places := []string{"--state-dir", s.site.options.StateDir}
	if words[0] != "check" {
		places = append(places, "--policy-dir", s.site.options.PolicyDir)
	}
	if words[0] == "help" {
		places = nil
	}
	if words[0] == "denials" || words[0] == "suggest" || slices.Contains(words, "--denial") {
		places = append(places, "--denials-dir", s.site.denials)
	}
	r := s.site.answer(s.t, "no\n", append(words, places...)...)
	s.code = r.code
	return strings.NewReplacer(s.site.options.StateDir, node.DefaultStateDir,
		s.site.options.PolicyDir, node.DefaultPolicyDir,
		s.site.denials, "/var/lib/bulkhead/denials").Replace(r.out + r.err)
}
