// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

var namespaces atomic.Int64

// namespace makes a network namespace of the test's own and returns its name.
func namespace(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("bhrs-%d-%d", os.Getpid(), namespaces.Add(1))
	command(t, "", "ip", "netns", "add", name)
	t.Cleanup(func() { command(t, "", "ip", "netns", "del", name) })
	return name
}

func command(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s\n%s", name, strings.Join(args, " "), err, out, stdin)
	}
	return string(out)
}

func in(t *testing.T, ns, name string, args ...string) string {
	t.Helper()
	return command(t, "", "ip", append([]string{"netns", "exec", ns, name}, args...)...)
}

// load feeds text to nft -f inside the namespace.
func load(t *testing.T, ns, text string) {
	t.Helper()
	command(t, text, "ip", "netns", "exec", ns, "nft", "-f", "-")
}

var elements = regexp.MustCompile(`(?s)elements = \{(.*)\}\n\t\}\n`)

// listing is what nft lists, with objects and elements sorted: the kernel lists objects in the
// order in which they were made, and elements of hashed sets in none.
func listing(t *testing.T, ns string) string {
	t.Helper()
	var blocks []string
	table, block := "", ""
	for line := range strings.Lines(in(t, ns, "nft", "list", "ruleset")) {
		switch {
		case strings.HasPrefix(line, "table"):
			table = line
			blocks = append(blocks, line)
		case strings.HasPrefix(line, "\t"):
			block += line
		}
		if line == "\t}\n" {
			blocks = append(blocks, table+sortedElements(block))
			block = ""
		}
	}
	slices.Sort(blocks)
	return strings.Join(blocks, "")
}

func sortedElements(block string) string {
	return elements.ReplaceAllStringFunc(block, func(s string) string {
		list := strings.Split(strings.Trim(elements.FindStringSubmatch(s)[1], " \n\t"), ",")
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
		slices.Sort(list)
		return strings.Join(list, "\n") + "\n\t}\n"
	})
}

// loads tells whether nft -f takes the text.
func loads(t *testing.T, ns, text string) bool {
	t.Helper()
	cmd := exec.Command("ip", "netns", "exec", ns, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(text)
	return cmd.Run() == nil
}
