// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// forget says that the kernel holds nothing of ours.
func (n *node) forget() { n.installed, n.plain = &ruleset.Ruleset{}, &ruleset.Ruleset{} }

// compiled is the desired state without its stamp.
func (n *node) compiled(set *policy.Set) *ruleset.Ruleset {
	r, _ := compile.Compile(compile.Input{Policies: set, Endpoints: n.endpoints, Config: n.config})
	return r
}

// apply brings the policies into force in one transaction, as a node does: the epoch moves on
// if and only if something narrows.
func (n *node) apply(t testing.TB, set *policy.Set) {
	t.Helper()
	n.install(t, n.compiled(set))
}

func (n *node) install(t testing.TB, plain *ruleset.Ruleset) {
	t.Helper()
	n.stamp.Generation++
	if n.stamp.Epoch == 0 || compile.Narrows(ruleset.Diff(n.plain, plain)) {
		n.stamp.Epoch++
	}
	stamped := n.config.Stamped(plain, n.stamp)
	if err := n.kernel.Apply(t.Context(), ruleset.Diff(n.installed, stamped)); err != nil {
		t.Fatal(err)
	}
	n.installed, n.plain = stamped, plain
}

// unprotect takes our tables away.
func (n *node) unprotect(t testing.TB) {
	t.Helper()
	if err := n.kernel.Remove(); err != nil {
		t.Fatal(err)
	}
	n.forget()
}

// load reads policy documents that must all be valid.
func load(t testing.TB, documents string) *policy.Set {
	t.Helper()
	set := policy.Load([]policy.File{{Name: "policy.yaml", Data: []byte(documents)}}, nil)
	if policy.HasErrors(set.Problems) {
		t.Fatalf("documents: %v", set.Problems)
	}
	return set
}
