// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
)

// worker owns two slots of a node with an agent, and like the others edits policies.
type worker struct {
	site *site
	dice *rand.Rand
	mine []string
	// cut are slots that may be in quarantine: a request that got no answer may have been served.
	cut map[string]bool
}

func newWorker(s *site, dice *rand.Rand, number int) *worker {
	return &worker{site: s, dice: dice, cut: map[string]bool{},
		mine: []string{fmt.Sprintf("slot%d", 2*number), fmt.Sprintf("slot%d", 2*number+1)}}
}

func (w *worker) churn(t *testing.T, d *doors, over <-chan struct{}) {
	for !t.Failed() {
		select {
		case <-over:
			return
		default:
		}
		name := w.mine[w.dice.IntN(2)]
		switch w.dice.IntN(12) {
		case 0, 1, 2:
			w.add(t, d, name, "fail")
		case 3:
			w.add(t, d, name, "quarantine")
		case 4, 5, 6:
			w.del(t, name)
		case 7, 8:
			w.edit(t)
		case 9:
			w.label(t, name)
		case 10:
			w.quarantine(t, name)
		default:
			w.ask(t, applyRequest)
		}
	}
}

// tryAgain is how the plugin says that there is no agent just now.
const tryAgain = `"code": 11,`

// add attaches. A yes means that the rules are in force, whoever has died meanwhile.
func (w *worker) add(t *testing.T, d *doors, name, onAgentDown string) {
	out, err := w.site.pluginOr("ADD", name, onAgentDown).run(w.killAfter())
	switch {
	case out == killed:
		return
	case err != nil && !strings.Contains(out, tryAgain):
		t.Errorf("ADD %s: %v\n%s", name, err, out)
	case err != nil:
		return
	}
	if _, known := w.site.registered(t)[w.site.endpointID(name)]; !known {
		t.Errorf("ADD %s (%s) has succeeded, and it is not registered\n%s", name, onAgentDown, out)
	}
	if w.cut[name] || onAgentDown != "fail" {
		return
	}
	for _, a := range w.site.plugs[name].Addresses {
		d.open.Add(1)
		to := netip.AddrPortFrom(a, port).String()
		if err := w.site.boxes["friend"].Dial("udp", to, 5*time.Second); err != nil {
			d.broken.Add(1)
			t.Errorf("ADD %s has succeeded, and a friend does not reach it: %v", name, err)
		}
	}
}

func (w *worker) del(t *testing.T, name string) {
	out, err := w.site.plugin("DEL", name).run(w.killAfter())
	switch {
	case out == killed:
	case err == nil:
		delete(w.cut, name)
	case !strings.Contains(out, tryAgain):
		t.Errorf("DEL %s: %v\n%s", name, err, out)
	}
}

// killAfter is zero for most calls of the plugin.
func (w *worker) killAfter() time.Duration {
	if w.dice.IntN(8) > 0 {
		return 0
	}
	return time.Duration(1+w.dice.IntN(60_000)) * time.Microsecond
}

// edit changes the policies, by a rename or under the agent's eyes.
func (w *worker) edit(t *testing.T) {
	also := fmt.Sprintf("slot%d", w.dice.IntN(slots))
	if w.dice.IntN(2) == 0 {
		w.site.writePolicies(t, also)
		return
	}
	w.site.edits.Lock()
	defer w.site.edits.Unlock()
	path := filepath.Join(w.site.policyDir, "soak.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, policies, also), 0o600); err != nil {
		t.Error(err)
	}
}

// label makes a slot a friend, or itself again.
func (w *worker) label(t *testing.T, name string) {
	called := name
	if w.dice.IntN(2) == 0 {
		called = "friend"
	}
	w.ask(t, agentapi.Request{Verb: agentapi.VerbLabel, Label: &agentapi.Label{
		Endpoint: w.site.endpointID(name), Set: map[string]string{"name": called}}})
}

// quarantine cuts a slot off, or ends that.
func (w *worker) quarantine(t *testing.T, name string) {
	id := w.site.endpointID(name)
	if !w.cut[name] {
		w.cut[name] = true
		w.ask(t, agentapi.Request{Verb: agentapi.VerbQuarantine,
			Quarantine: &agentapi.Quarantine{Endpoint: id}})
		return
	}
	if w.ask(t, agentapi.Request{Verb: agentapi.VerbRelease,
		Release: &agentapi.Release{Endpoint: id}}) {
		delete(w.cut, name)
	}
}

// ask sends a request and reports whether it was served. An agent may be down or starting, and a
// slot not attached.
func (w *worker) ask(t *testing.T, r agentapi.Request) bool {
	w.site.operations.Add(1)
	err := w.site.ask(r, nil, patience)
	for _, harmless := range []error{agentapi.ErrDown, agentapi.ErrNotReady, endpoint.ErrUnknown} {
		if errors.Is(err, harmless) {
			return false
		}
	}
	if err != nil {
		t.Errorf("%s: %v", r.Verb, err)
	}
	return err == nil
}

// wantMatrix probes every way between attached containers and compares it with what the last
// policy says of the labels that are registered.
func (s *site) wantMatrix(t *testing.T, registered map[string]endpoint.Attachment) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.policyDir, "soak.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	mayConnect := func(a endpoint.Attachment) bool {
		called := a.Endpoint.Labels["name"]
		return a.Endpoint.Quarantine == nil &&
			strings.Contains(string(text), "matchLabels: {name: "+called+"}")
	}
	wrong := make(chan string, 1000)
	ways, open := 0, 0
	var probes limited
	for _, from := range registered {
		for _, to := range registered {
			name := to.Endpoint.Name
			if from.Endpoint.ID == to.Endpoint.ID || s.servers[name] == nil {
				continue
			}
			want := mayConnect(from) && to.Endpoint.Quarantine == nil
			for _, addr := range to.Endpoint.Addresses {
				ways++
				if want {
					open++
				}
				probes.run(func() { s.probe(wrong, from.Endpoint.Name, name, addr, want) })
			}
		}
	}
	probes.wait()
	close(wrong)
	for what := range wrong {
		t.Error(what)
	}
	t.Logf("final state: %d of %d ways are open", open, ways)
	if open == 0 || open == ways {
		t.Error("the final state says nothing")
	}
}

func (s *site) probe(wrong chan<- string, from, to string, addr netip.Addr, want bool) {
	limit := 300 * time.Millisecond
	if want {
		limit = 5 * time.Second
	}
	err := s.boxes[from].Dial("udp", netip.AddrPortFrom(addr, port).String(), limit)
	if (err == nil) != want {
		wrong <- fmt.Sprintf("%s -> %s %s: got %v, want open: %t", from, to, addr, err, want)
	}
}
