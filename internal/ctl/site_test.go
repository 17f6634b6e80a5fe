// SPDX-License-Identifier: Apache-2.0

package ctl_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/ctl"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// site is a host with web and db on one bridge, batch on a link of its own, and a router to
// the world. Names of interfaces, hardware addresses and ids are fixed, so that outputs are.
type site struct {
	net     *testnet.Net
	options node.Options
	boxes   map[string]*testnet.Container
	plugs   map[string]testnet.Attachment
	// agentTime is how long commands wait for an agent; 0 as long as they do by themselves.
	agentTime time.Duration
	// denials is the directory of the agent's records.
	denials string
	live    func(context.Context, string) (ctl.LiveLedger, error)
}

const sitePolicies = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: retail}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 5432}]
---
apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: host-closed}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  egress:
  - name: ssh
    action: Reject
    to: [{entity: Host}]
    protocols: [{tcp: {destinationPort: {number: 22}}}]
`

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{net: testnet.New(t), boxes: map[string]*testnet.Container{},
		plugs: map[string]testnet.Attachment{}, denials: filepath.Join(dir, "denials")}
	s.options = node.Options{StateDir: filepath.Join(dir, "state"),
		PolicyDir: filepath.Join(dir, "policies"), NetNS: s.net.FD()}
	if err := os.Mkdir(s.options.PolicyDir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.policies(t, sitePolicies)
	s.net.Bridge(t, "br0", "10.1.0.1/24", "fd00:1::1/64")
	for name, octet := range map[string]string{"web": "2", "db": "3"} {
		s.boxes[name] = s.net.AddContainer(t, name)
		s.plugs[name] = s.net.AttachBridged(t, s.boxes[name], "br0", testnet.Plug{
			HostInterface: "veth-" + name, MAC: "02:00:00:00:00:0" + octet,
			Addresses: []string{"10.1.0." + octet + "/24", "fd00:1::" + octet + "/64"},
			Gateways:  []string{"10.1.0.1", "fd00:1::1"}})
	}
	s.boxes["batch"] = s.net.AddContainer(t, "batch")
	s.plugs["batch"] = s.net.AttachRouted(t, s.boxes["batch"], testnet.Plug{
		HostInterface: "veth-batch", MAC: "02:00:00:00:00:04",
		Addresses: []string{"10.2.0.4/32"}, Gateways: []string{"10.2.0.1"}})
	router := s.net.AddContainer(t, "router")
	s.net.AttachRouted(t, router, testnet.Plug{HostInterface: "uplink",
		Addresses: []string{"192.0.2.1/32"}, Gateways: []string{"192.0.2.2"}})
	s.net.AddRoute(t, "uplink", "0.0.0.0/0", "192.0.2.1")
	return s
}

func (s *site) policies(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(s.options.PolicyDir, "shop.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *site) attachment(name string) endpoint.Attachment {
	p := s.plugs[name]
	id := name + "-" + strings.Repeat("0", 8)
	return endpoint.Attachment{
		Endpoint: policy.Endpoint{ID: endpoint.ID(id, "eth0"), Namespace: "shop", Name: name,
			Interface: "eth0", Network: "shopnet", Labels: map[string]string{"app": name},
			Addresses: p.Addresses},
		ContainerID: id, NetworkName: "shopnet", HostInterface: p.HostInterface,
		Bridge: p.Bridge, MAC: p.MAC.String(),
		Created: time.Date(2026, 1, 2, 3, 4, 5, len(name), time.UTC),
	}
}

// attach registers endpoints, in the order given.
func (s *site) attach(t *testing.T, attachments ...endpoint.Attachment) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	n, err := node.Open(ctx, s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for _, a := range attachments {
		if _, err := n.Attach(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *site) attachAll(t *testing.T) {
	t.Helper()
	s.attach(t, s.attachment("web"), s.attachment("db"), s.attachment("batch"))
}

// result is what a command printed and its exit code.
type result struct {
	code     int
	out, err string
}

// run carries out a command line of bulkheadctl on the site.
func (s *site) run(t *testing.T, line ...string) result {
	t.Helper()
	return s.answer(t, "", append(line, "--state-dir", s.options.StateDir, "--policy-dir",
		s.options.PolicyDir)...)
}

// answer is run with standard input, and without the site's directories.
func (s *site) answer(t *testing.T, stdin string, line ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	p := ctl.Program(ctl.Environment{NetNS: s.net.FD(), AgentTime: s.agentTime, Live: s.live})
	code := p.Run(t.Context(), line, cli.Streams{In: strings.NewReader(stdin), Out: &out,
		Err: &errs})
	return result{code, out.String(), errs.String()}
}
