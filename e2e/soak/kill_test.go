// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"flag"
	"sync"
	"testing"
	"time"
)

var everyCall = flag.Bool("soak.everycall", false,
	"kill at every system call, not only at those that change something outside the process")

// pause gives every probe the time to knock at least twice in the state that a kill left.
func pause() { time.Sleep(12 * time.Millisecond) }

// TestThreat113EveryCall kills the plugin and `bulkheadctl apply` at each system call of their
// lives: ADD, DEL, and an edit of policies in both directions. Closed doors stay closed
// throughout, an open one open; the next call finds a state that it understands, and in the end
// nothing is left.
func TestThreat113EveryCall(t *testing.T) {
	s := newSite(t)
	s.strangers = append(s.strangers, "slot0") // the one that comes and goes
	s.proveProbes(t)
	s.closeBase(t)
	for _, name := range []string{"vault", "friend", "intruder"} {
		s.mustAdd(t, name)
	}
	counts := func(call uint64) bool { return *everyCall || changes[call] }
	stop := make(chan struct{})
	var probes sync.WaitGroup
	doors := s.knock(t, stop, &probes)

	nothing := func() {}
	add, del, apply := s.plugin("ADD", "slot0"), s.plugin("DEL", "slot0"), s.ctl("apply")
	must := func(o operation) func() {
		return func() {
			t.Helper()
			if out, err := o.run(0); err != nil {
				t.Fatalf("%s %v %v after a kill: %v\n%s", o.name, o.args, o.verb(), err, out)
			}
		}
	}
	add.each(t, counts, nothing, must(del))
	del.each(t, counts, must(add), must(del))
	edit := func(to string) func() { return func() { s.writePolicies(t, to) } }
	apply.each(t, counts, edit("slot2"), func() { must(apply)(); edit("friend")(); must(apply)() })
	edit("slot2")()
	must(apply)()
	apply.each(t, counts, edit("friend"), func() { must(apply)(); edit("slot2")(); must(apply)() })

	close(stop)
	probes.Wait()
	s.settle(t)
	s.report(t, doors)
	s.leaveNothing(t)
}
