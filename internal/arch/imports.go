// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"slices"
	"strconv"
	"strings"
)

// pure is what a pure package may import besides the harmless part of the standard library.
// Packages of this module that it names are pure themselves, so the law holds transitively.
type pure struct {
	module []string
	third  []string
}

const (
	metav1 = "k8s.io/apimachinery/pkg/apis/meta/v1"
	labels = "k8s.io/apimachinery/pkg/labels"
)

var purePackages = map[string]pure{
	"policy": {
		// Nothing that imports meta/v1: it brings net/http along, and half of an empty program's
		// start for every container that the plugin is started for.
		third: []string{
			"go.yaml.in/yaml/v4", labels, "k8s.io/apimachinery/pkg/selection",
			"k8s.io/apimachinery/pkg/util/validation",
		},
	},
	"policy/v1alpha1":  {third: []string{metav1}},
	"internal/compile": {module: []string{"policy", "internal/ruleset"}},
	"internal/ruleset": {},
	"internal/packet":  {},
	"internal/flow":    {module: []string{"policy", "internal/packet"}},
	"internal/query":   {module: []string{"policy", "internal/flow"}},
	"internal/suggest": {
		module: []string{"policy"},
		third:  []string{"go.yaml.in/yaml/v4", "k8s.io/apimachinery/pkg/util/validation"},
	},
}

// harmless is the part of the standard library that cannot reach the world outside.
var harmless = []string{
	"bytes", "cmp", "container/heap", "container/list", "crypto/sha1", "crypto/sha256", "encoding",
	"encoding/base64", "encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt", "hash",
	"hash/crc32", "hash/fnv", "io", "iter", "maps", "math", "math/big", "math/bits", "net/netip",
	"regexp", "slices", "sort", "strconv", "strings", "text/tabwriter", "time", "unicode",
	"unicode/utf8",
}

const whyPure = "policy decisions must be a function of their inputs, so that the law, the " +
	"trace and the kernel can be compared; no I/O, no clock, no chance"

func pureImports(t *Tree) []Violation {
	var out []Violation
	for f := range t.code {
		rule, ok := purePackages[f.Package()]
		if !ok || f.IsTest() {
			continue
		}
		for name, line := range t.imports(f) {
			inside, isOurs := strings.CutPrefix(name, Module+"/")
			allowed := slices.Contains(harmless, name) || slices.Contains(rule.third, name) ||
				isOurs && slices.Contains(rule.module, inside)
			if !allowed {
				out = append(out, Violation{f.Path, line, "pure package " + f.Package() +
					" imports " + name, whyPure})
			}
		}
	}
	return out
}

// exclusive is a package, with all below it, that few may import.
type exclusive struct {
	prefix string
	tests  bool // the law is for tests too
	owners []string
	why    string
}

var exclusives = []exclusive{
	{"github.com/google/nftables", true, []string{"internal/nft"},
		"one package talks to nf_tables, so one package knows its pitfalls"},
	{"github.com/vishvananda/netlink", true, []string{"internal/link", "internal/testnet"},
		"one package asks for links, so that an interrupted dump is handled in one place"},
	{"github.com/vishvananda/netns", true, []string{"internal/link", "internal/testnet"},
		"changing a thread's namespace by mistake puts rules on the wrong host"},
	{"os/exec", false, []string{"internal/testnet", "internal/suite", "e2e"},
		"the product never runs nft, ip or a runtime: a missing or replaced binary must not " +
			"be able to open a container"},
}

func exclusiveImports(t *Tree) []Violation {
	var out []Violation
	for f := range t.code {
		for name, line := range t.imports(f) {
			for _, e := range exclusives {
				if !below(name, e.prefix) || f.IsTest() && !e.tests ||
					slices.ContainsFunc(e.owners, func(o string) bool {
						return below(f.Package(), o)
					}) {
					continue
				}
				out = append(out, Violation{f.Path, line, f.Package() + " imports " + name +
					", which only " + strings.Join(e.owners, ", ") + " may", e.why})
			}
		}
	}
	return out
}

// below tells whether a slash-separated path is the prefix or under it.
func below(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// imports yields import paths with their lines.
func (t *Tree) imports(f File) func(func(string, int) bool) {
	return func(yield func(string, int) bool) {
		for _, spec := range f.Syntax.Imports {
			// The parser has accepted the literal, so it can be unquoted.
			name, _ := strconv.Unquote(spec.Path.Value)
			if !yield(name, t.line(spec.Pos())) {
				return
			}
		}
	}
}
