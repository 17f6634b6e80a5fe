// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const head = "// SPDX-License-Identifier: Apache-2.0\n\n"

// planted is a tree with one fault, or with something that looks like one.
type planted struct {
	name string
	path string
	text string
	want string // part of the violation; "" if the law is kept
}

func importing(pkg string) string {
	return head + "// Package p is planted.\npackage p\n\nimport _ \"" + pkg + "\"\n"
}

func body(imported, statement string) string {
	return head + "// Package p is planted.\npackage p\n\nimport " + imported +
		"\n\nfunc f() {\n\t" + statement + "\n}\n"
}

func check(t *testing.T, law func(*Tree) []Violation, cases []planted) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			files := fstest.MapFS{c.path: {Data: []byte(c.text)},
				depsScript: {Data: []byte("# " + licence + "\nnft nftables\n")}}
			tree, err := NewTree(files, slices.Sorted(maps.Keys(files)))
			if err != nil {
				t.Fatal(err)
			}
			got := law(tree)
			if c.want == "" && len(got) != 0 || c.want != "" && len(got) != 1 {
				t.Fatalf("violations: got %v, want %q", got, c.want)
			}
			if c.want == "" {
				return
			}
			if text := got[0].String(); !strings.Contains(text, c.want) ||
				!strings.HasPrefix(text, c.path+":") || got[0].Why == "" || got[0].Line == 0 {
				t.Errorf("violation: got %q, want place, %q and a reason", text, c.want)
			}
		})
	}
}

func TestPureImports(t *testing.T) {
	var cases []planted
	for _, pkg := range []string{"os", "os/exec", "net", "net/http", "syscall", "io/ioutil", "log",
		"log/slog", "math/rand", "math/rand/v2", "unsafe", "crypto/rand", "runtime", "sync",
		"github.com/google/nftables", Module + "/internal/nft"} {
		for _, dir := range []string{"policy", "internal/ruleset", "internal/compile",
			"internal/flow", "internal/packet", "policy/v1alpha1"} {
			cases = append(cases, planted{dir + " imports " + pkg, dir + "/f.go", importing(pkg),
				"imports " + pkg})
		}
	}
	check(t, pureImports, append(cases,
		planted{"a test may", "policy/f_test.go", importing("os"), ""},
		planted{"another package may", "internal/agent/f.go", importing("os"), ""},
		planted{"net/netip", "policy/f.go", importing("net/netip"), ""},
		planted{"YAML", "policy/f.go", importing("go.yaml.in/yaml/v4"), ""},
		planted{"YAML in compile", "internal/compile/f.go", importing("go.yaml.in/yaml/v4"),
			"imports go.yaml.in/yaml/v4"},
		planted{"with the arrow", "internal/compile/f.go", importing(Module + "/policy"), ""},
		planted{"against the arrow", "policy/f.go", importing(Module + "/internal/compile"),
			"imports " + Module + "/internal/compile"}))
}

func TestExclusiveImports(t *testing.T) {
	nftables, netlink := "github.com/google/nftables/expr", "github.com/vishvananda/netlink/nl"
	check(t, exclusiveImports, []planted{
		{"nftables", "internal/link/f.go", importing(nftables), "internal/nft may"},
		{"nftables in a test", "e2e/f_test.go", importing(nftables), "internal/nft may"},
		{"nftables at home", "internal/nft/f.go", importing(nftables), ""},
		{"a longer name", "plugin/f.go", importing("github.com/google/nftablesx"), ""},
		{"netlink", "plugin/f.go", importing(netlink), "internal/link, internal/testnet may"},
		{"netlink at home", "internal/testnet/f.go", importing(netlink), ""},
		{"netns", "plugin/f_test.go", importing("github.com/vishvananda/netns"),
			"internal/link, internal/testnet may"},
		{"exec", "cmd/bulkhead/f.go", importing("os/exec"), "imports os/exec"},
		{"exec in a test", "cmd/bulkhead/f_test.go", importing("os/exec"), ""},
		{"exec in the demo", "e2e/demo/f.go", importing("os/exec"), ""},
	})
}

func TestCalls(t *testing.T) {
	check(t, calls, []planted{
		{"clock", "policy/f.go", body(`"time"`, "_ = time.Now()"), "time.Now"},
		{"clock as a value", "policy/f.go", body(`"time"`, "_ = time.Now"), "time.Now"},
		{"clock by another name", "internal/compile/f.go", body(`x "time"`, "_ = x.Now()"),
			"time.Now"},
		{"sleep", "internal/ruleset/f.go", body(`"time"`, "time.Sleep(1)"), "time.Sleep"},
		{"a duration", "policy/f.go", body(`"time"`, "_ = time.Second"), ""},
		{"clock in a test", "policy/f_test.go", body(`"time"`, "_ = time.Now()"), ""},
		{"clock elsewhere", "plugin/f.go", body(`"time"`, "_ = time.Now()"), ""},
		{"stream", "policy/f.go", body(`"fmt"`, `fmt.Println("x")`), "fmt.Println"},
		{"process", "plugin/f.go", body(`"os"`, "_ = os.StartProcess"), "os.StartProcess"},
		{"exec", "plugin/f.go", body(`"syscall"`, "_ = syscall.Exec"), "syscall.Exec"},
	})
}

func TestSkips(t *testing.T) {
	check(t, skips, []planted{
		{"Skip", "p/f_test.go", body(`"testing"`, "var t testing.TB; t.Skip()"), "Skip"},
		{"Skipf", "p/f_test.go", body(`"testing"`, `var b *testing.B; b.Skipf("x")`), "Skipf"},
		{"SkipNow", "p/f.go", body(`"testing"`, "var t testing.TB; t.SkipNow()"), "SkipNow"},
		{"Short", "p/f_test.go", body(`"testing"`, "_ = testing.Short()"), "Short"},
		{"another Skip", "p/f.go", body(`"p/reader"`, "reader.Skip()"), ""},
	})
}
