// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// newBareNode is a namespace that holds rules and no containers.
func newBareNode(t testing.TB, config compile.Config) *node {
	t.Helper()
	ns := testnet.NewNamespace(t, "bare")
	n := &node{Net: &testnet.Net{Namespace: ns}, config: config}
	n.forget()
	var err error
	if n.kernel, err = nft.Open(nft.Options{NetNS: ns.FD()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.kernel.Close() })
	return n
}

func (n *node) list(t testing.TB) string {
	t.Helper()
	return n.Run(t, "nft", "list", "ruleset")
}

var elementsOf = regexp.MustCompile(`elements = \{(.*?)\}`)

// objects cuts a listing into its chains, sets and counters, each one line, sorted: the kernel
// lists objects in the order in which they were made, and elements of hashes in none.
func objects(listing string) []string {
	var out, lines []string
	table := ""
	for line := range strings.Lines(listing) {
		text := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "table "):
			table = strings.TrimSuffix(text, " {")
		case strings.HasPrefix(line, "\t}"):
			out = append(out, table+" "+sortElements(strings.Join(lines, " ")))
			lines = nil
		case text != "" && text != "}" || len(lines) > 0:
			lines = append(lines, text)
		}
	}
	slices.Sort(out)
	return out
}

func sortElements(object string) string {
	return elementsOf.ReplaceAllStringFunc(object, func(s string) string {
		list := strings.Split(elementsOf.FindStringSubmatch(s)[1], ",")
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
		slices.Sort(list)
		return "elements = { " + strings.Join(list, ", ") + " }"
	})
}

var (
	countersOf = regexp.MustCompile(`packets \d+ bytes \d+`)
	epochOf    = regexp.MustCompile(`ct mark (set ct mark \& 0x[0-9a-f]+ \| )?0x[0-9a-f]+(/16)?`)
)

// lasting is a listing without what does not follow from the desired state: epoch, generation,
// counted packets, and what packets have put into sets.
func lasting(listing string) []string {
	var out []string
	for _, o := range objects(listing) {
		if strings.Contains(o, " set live {") || strings.Contains(o, " set generation {") {
			continue
		}
		if strings.Contains(o, "flags dynamic") {
			o = elementsOf.ReplaceAllString(o, "")
		}
		o = countersOf.ReplaceAllString(o, "")
		out = append(out, epochOf.ReplaceAllString(o, "EPOCH"))
	}
	return out
}

// checkSame reports what one of two lists of objects has and the other lacks.
func checkSame(t testing.TB, what string, got, want []string) {
	t.Helper()
	for _, o := range got {
		if !slices.Contains(want, o) {
			t.Errorf("%s: got  %s", what, o)
		}
	}
	for _, o := range want {
		if !slices.Contains(got, o) {
			t.Errorf("%s: want %s", what, o)
		}
	}
}
