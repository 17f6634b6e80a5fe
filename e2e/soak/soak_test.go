// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	soakFor  = flag.Duration("soak.for", 60*time.Second, "how long TestSoak runs")
	soakSeed = flag.Uint64("soak.seed", 0, "seed of TestSoak; 0 for a random one")
)

// TestSoak churns four workers over a site whose base closes every veth: ADD, DEL, CHECK, policy
// edits, applies and repairs, a third of them killed at a random moment. In the end every
// packet that reached a server is accounted for, and after the last DEL nothing is left.
func TestSoak(t *testing.T) {
	seed := *soakSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d, %v", seed, *soakFor)
	s := newSite(t)
	s.proveProbes(t)
	s.closeBase(t)
	for _, name := range []string{"vault", "friend", "intruder"} {
		s.mustAdd(t, name)
	}
	stop := make(chan struct{})
	var probes, workers sync.WaitGroup
	doors := s.knock(t, stop, &probes)
	end := time.Now().Add(*soakFor)
	for i := range workersCount {
		dice := rand.New(rand.NewPCG(seed, uint64(i)))
		workers.Go(func() { s.churn(t, dice, i, end) })
	}
	workers.Wait()
	close(stop)
	probes.Wait()
	s.settle(t)
	s.report(t, doors)
	if s.kills.Load() == 0 {
		t.Error("nothing was killed")
	}
	s.leaveNothing(t)
}

// settle finishes what the last kill may have left half-done, as a runtime does.
func (s *site) settle(t *testing.T) {
	t.Helper()
	if !s.hasAgent {
		if out, err := s.ctl("apply").run(0); err != nil {
			t.Errorf("apply: %v\n%s", err, out)
		}
	}
	for name := range s.boxes {
		if name == "stowaway" {
			continue
		}
		if out, err := s.plugin("DEL", name).run(0); err != nil {
			t.Errorf("DEL %s: %v\n%s", name, err, out)
		}
	}
}

// report compares what arrived with who may have sent it.
func (s *site) report(t *testing.T, d *doors) {
	t.Helper()
	forbidden := map[netip.Addr]string{}
	for _, name := range s.strangers {
		for _, a := range s.plugs[name].Addresses {
			forbidden[a] = name
		}
	}
	passed := 0
	for name, server := range s.servers {
		for _, r := range server.Received()[s.before[name]:] {
			if who, bad := forbidden[r.From.Addr().Unmap()]; bad {
				passed++
				t.Errorf("closed door: %s reached %s: %q", who, name, r.Data)
			}
		}
	}
	t.Logf("%d operations, %d of them killed; %d knocks on closed doors, %d passed; "+
		"%d walks through the open door, %d failed", s.operations.Load(), s.kills.Load(),
		d.closed.Load(), passed, d.open.Load(), d.broken.Load())
	if s.operations.Load() < 10 || d.closed.Load() < 100 || d.open.Load() < 10 {
		t.Error("the run was too short to say anything")
	}
	if d.broken.Load() > 0 {
		t.Errorf("open door: %d failures", d.broken.Load())
	}
}

// leaveNothing uninstalls, and compares the host with how it was found.
func (s *site) leaveNothing(t *testing.T) {
	t.Helper()
	registered, err := filepath.Glob(filepath.Join(s.stateDir, "endpoints", "*.json"))
	if err != nil || len(registered) > 0 {
		t.Errorf("registry after the last DEL: got %v, %v, want nothing", registered, err)
	}
	listing := s.net.Run(t, "nft", "list", "ruleset")
	for _, set := range []string{"bind", "addresses", "egress", "ingress", "ports"} {
		if elements := elementsOf(listing, set); elements != "" {
			t.Errorf("set %s after the last DEL: got %s, want no elements", set, elements)
		}
	}
	if out, err := s.ctl("uninstall", "--yes").run(0); err != nil {
		t.Errorf("uninstall: %v\n%s", err, out)
	}
	if left := s.net.Run(t, "nft", "list", "ruleset"); left != "" {
		t.Errorf("rules after uninstall: got\n%s\nwant nothing", left)
	}
	files, err := os.ReadDir(s.stateDir)
	names := slices.DeleteFunc(files, func(f os.DirEntry) bool { return f.Name() == "lock" })
	if err != nil || len(names) > 0 {
		t.Errorf("state directory after uninstall: got %v, %v, want the lock alone", names, err)
	}
}

// elementsOf finds the elements of the sets of that name in an nft listing.
func elementsOf(listing, set string) string {
	var found []string
	for _, kind := range []string{"set", "map"} {
		for _, part := range strings.Split(listing, fmt.Sprintf("\t%s %s {", kind, set))[1:] {
			body, _, _ := strings.Cut(part, "\n\t}")
			if _, elements, has := strings.Cut(body, "elements ="); has {
				found = append(found, elements)
			}
		}
	}
	return strings.Join(found, "; ")
}
