// SPDX-License-Identifier: Apache-2.0

package cni_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestParallel adds 64 containers at once, checks them, and deletes them at once.
func TestParallel(t *testing.T) {
	h := newHost(t)
	h.policy(t, onlyWebToDB)
	bystander := h.attach(t, h.list(t, "net2", "1.0.0", h.ptp(2), nil), "bystander")
	list := h.list(t, "net1", "1.0.0", h.bridge(1), nil)
	// Parallel first calls of the plugin bridge race for the bridge itself.
	attachments := []*attachment{h.attach(t, list, "web0")}
	for i := 1; i < 64; i++ {
		attachments = append(attachments, h.prepare(t, list, fmt.Sprintf("web%d", i),
			fmt.Sprintf("BULKHEAD_LABELS=app:web,n:%d", i)))
	}
	each := func(what string, all []*attachment, do func(*attachment) error) {
		t.Helper()
		var wg sync.WaitGroup
		started := time.Now()
		for _, a := range all {
			wg.Go(func() {
				if err := do(a); err != nil {
					t.Errorf("%s %s: %v", what, a.Name, err)
				}
			})
		}
		wg.Wait()
		t.Logf("%d parallel %s: %v", len(all), what, time.Since(started).Round(time.Millisecond))
	}
	each("ADD", attachments[1:], h.add)
	if n := h.registered(t); n != 65 {
		t.Errorf("registry: got %d attachments, want 65", n)
	}
	each("CHECK", attachments, h.check)
	each("DEL", attachments, h.del)
	if err := h.check(bystander); err != nil {
		t.Errorf("CHECK of a bystander: %v", err)
	}
	if err := h.del(bystander); err != nil {
		t.Errorf("DEL of a bystander: %v", err)
	}
	h.wantNothing(t)
}

// TestKill kills the plugin at arbitrary moments of ADD and DEL. A bystander stays enforced,
// the next DEL leaves nothing, and the next ADD works.
func TestKill(t *testing.T) {
	h := newHost(t)
	h.policy(t, onlyWebToDB)
	list := h.list(t, "net1", "1.0.0", h.bridge(1), nil)
	bystander, victim := h.attach(t, list, "bystander"), h.attach(t, list, "victim")
	text, err := json.Marshal(victim.result)
	if err != nil {
		t.Fatal(err)
	}
	conf := h.conf(t, victim, "1.0.0", text)
	must := func(verb string) time.Duration {
		t.Helper()
		started := time.Now()
		if out, log, exit := h.raw(t, verb, victim, conf); exit != 0 {
			t.Fatalf("%s: got exit %d: %s%s", verb, exit, out, log)
		}
		return time.Since(started)
	}
	must("DEL")
	typical := []time.Duration{must("ADD"), must("ADD"), must("ADD")}
	slices.Sort(typical)
	must("DEL")
	const rounds = 60
	killed := 0
	for i := range rounds {
		verb := []string{"ADD", "DEL"}[i%2]
		if verb == "DEL" {
			must("ADD")
		}
		if h.kill(t, h.command(verb, victim), conf, rand.N(typical[1]*6/5)) {
			killed++
		}
		must("DEL")
		if n := h.registered(t); n != 1 {
			t.Fatalf("round %d: got %d attachments, want the bystander", i, n)
		}
		if err := h.check(bystander); err != nil {
			t.Fatalf("round %d: CHECK of a bystander: %v", i, err)
		}
	}
	t.Logf("ADD takes %v; %d of %d calls were killed before their end", typical[1], killed, rounds)
	if killed < rounds/4 {
		t.Errorf("killed: got %d of %d, want a quarter at least", killed, rounds)
	}
	must("ADD")
	for _, a := range []*attachment{victim, bystander} {
		if err := h.del(a); err != nil {
			t.Errorf("DEL %s: %v", a.Name, err)
		}
	}
	h.wantNothing(t)
}

// kill starts a command and kills it after a delay; it reports whether that came in time.
func (h *host) kill(t *testing.T, cmd *exec.Cmd, conf []byte, delay time.Duration) bool {
	t.Helper()
	cmd.Stdin = bytes.NewReader(conf)
	var err error
	h.Do(func() { err = cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(delay)
	cmd.Process.Kill()
	return cmd.Wait() != nil
}
