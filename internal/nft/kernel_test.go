// SPDX-License-Identifier: Apache-2.0

package nft_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// host is a network namespace and our tables in it.
type host struct {
	*nft.Kernel
	ns *testnet.Namespace
}

func newHost(t testing.TB) host {
	t.Helper()
	ns := testnet.NewNamespace(t, "nft")
	k, err := nft.Open(nft.Options{NetNS: ns.FD()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return host{Kernel: k, ns: ns}
}

// apply applies operations that must succeed.
func (h host) apply(t testing.TB, ops ...ruleset.Op) {
	t.Helper()
	if err := h.Apply(t.Context(), ops); err != nil {
		t.Fatal(err)
	}
}

// install makes the ruleset out of nothing.
func (h host) install(t testing.TB, r *ruleset.Ruleset) {
	t.Helper()
	h.apply(t, ruleset.Diff(&ruleset.Ruleset{}, r)...)
}

// nft runs one nft command, which others may do to us.
func (h host) nft(t testing.TB, command string) string {
	t.Helper()
	out, err := h.ns.Command(command, "nft", "-f", "-")
	if err != nil {
		t.Fatalf("nft: %v\n%s\n%s", err, out, command)
	}
	return out
}

func (h host) list(t testing.TB) string {
	t.Helper()
	return h.ns.Run(t, "nft", "list", "ruleset")
}

// drift is what Verify finds, as text.
func (h host) drift(t testing.TB, r *ruleset.Ruleset) []string {
	t.Helper()
	drift, err := h.Verify(r)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, d := range drift {
		lines = append(lines, d.String())
	}
	return lines
}

var elementsOf = regexp.MustCompile(`(?s)elements = \{(.*?) \}\n`)

// sorted is a listing with objects and elements sorted: the kernel lists objects in the order
// in which they were made, and the elements of hashes in none.
func sorted(listing string) string {
	var blocks []string
	table := ""
	for block := range strings.SplitSeq(listing, "\n\t}\n") {
		block = strings.TrimPrefix(strings.TrimPrefix(block, "\n"), "}\n")
		if strings.HasPrefix(block, "table") {
			table, block, _ = strings.Cut(block, "\n")
		}
		block = elementsOf.ReplaceAllStringFunc(block+"\n", func(s string) string {
			list := strings.Split(elementsOf.FindStringSubmatch(s)[1], ",")
			for i := range list {
				list[i] = strings.TrimSpace(list[i])
			}
			slices.Sort(list)
			return strings.Join(list, "\n") + "\n"
		})
		blocks = append(blocks, table+"\n"+block)
	}
	slices.Sort(blocks)
	return strings.Join(blocks, "")
}

// differences is the lines of got and want that the other lacks.
func differences(got, want string) string {
	var b strings.Builder
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for _, line := range w {
		if !slices.Contains(g, line) {
			b.WriteString("want " + line + "\n")
		}
	}
	for _, line := range g {
		if !slices.Contains(w, line) {
			b.WriteString("got  " + line + "\n")
		}
	}
	return b.String()
}
