// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/policy"
)

// held is what an agent process holds of the machine.
type held struct {
	goroutines, descriptors, namespaces int
	// threads are kept by the runtime; a few more than before are no leak.
	threads int
}

func (p *agentProcess) proc(name string) string {
	return fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, name)
}

func (p *agentProcess) descriptors(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir(p.proc("fd"))
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

func (s *site) held(t *testing.T) held {
	t.Helper()
	h := held{descriptors: s.agent.descriptors(t)}
	tasks, err := filepath.Glob(s.agent.proc("task/*"))
	if err != nil {
		t.Fatal(err)
	}
	h.threads = len(tasks)
	namespaces := map[string]bool{}
	for _, task := range tasks {
		if to, err := os.Readlink(task + "/ns/net"); err == nil { // a thread may have ended
			namespaces[to] = true
		}
	}
	h.namespaces = len(namespaces)
	found := regexp.MustCompile(`(?m)^go_goroutines (\d+)$`).FindStringSubmatch(s.figures(t))
	if found == nil {
		t.Fatal("metrics: no go_goroutines")
	}
	fmt.Sscan(found[1], &h.goroutines)
	return h
}

// figures are the agent's metrics, over a connection of their own that ends with them.
func (s *site) figures(t *testing.T) string {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return net.Dial("unix", s.metricsSocket())
		}}}
	r, err := client.Get("http://agent/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// round attaches, edits, labels, cuts off and detaches.
func (s *site) round(t *testing.T, i int) {
	t.Helper()
	p := s.plugs["slot0"]
	a := endpoint.Attachment{ContainerID: "soak-slot0", NetworkName: "soak", Bridge: p.Bridge,
		HostInterface: p.HostInterface, MAC: p.MAC.String(), Created: time.Now().UTC(),
		Endpoint: policy.Endpoint{ID: s.endpointID("slot0"), Namespace: "soak", Name: "slot0",
			Interface: p.Interface, Labels: map[string]string{"name": "slot0"},
			Addresses: p.Addresses}}
	s.must(t, agentapi.Request{Verb: agentapi.VerbAttach, Attach: &a}, nil)
	s.writePolicies(t, fmt.Sprintf("slot%d", i%slots))
	s.must(t, applyRequest, nil)
	s.must(t, agentapi.Request{Verb: agentapi.VerbLabel, Label: &agentapi.Label{
		Endpoint: a.Endpoint.ID, Set: map[string]string{"round": fmt.Sprint(i)}}}, nil)
	s.must(t, agentapi.Request{Verb: agentapi.VerbQuarantine, Quarantine: &agentapi.Quarantine{
		Endpoint: a.Endpoint.ID}}, nil)
	s.must(t, agentapi.Request{Verb: agentapi.VerbCheck, Check: &agentapi.Interface{
		ContainerID: a.ContainerID, Interface: p.Interface}}, nil)
	s.must(t, agentapi.Request{Verb: agentapi.VerbDetach, Detach: &agentapi.Interface{
		ContainerID: a.ContainerID, Interface: p.Interface}}, nil)
}

// TestAgentHoldsNoMore: after 200 rounds of everything an agent holds what it held after 20.
func TestAgentHoldsNoMore(t *testing.T) {
	s := newSite(t)
	s.mountState(t)
	s.closeBase(t)
	s.startAgent(t, "--metrics", "unix:"+s.metricsSocket())
	for i := range 20 {
		s.round(t, i)
	}
	time.Sleep(time.Second) // the last connections end
	before := s.held(t)
	for i := range 180 {
		s.round(t, i)
	}
	const spare = 4
	var now held
	s.await(t, "agent holds what it held", func() bool {
		now = s.held(t)
		return now.goroutines <= before.goroutines && now.descriptors <= before.descriptors &&
			now.namespaces == 1 && now.threads <= before.threads+spare
	})
	t.Logf("after 20 rounds %+v, after 200 %+v", before, now)
	if before.goroutines < 3 || before.descriptors < 5 || strings.Contains(s.missing(), "agent") {
		t.Errorf("agent: got %+v and %q, want a living one", before, s.missing())
	}
}
