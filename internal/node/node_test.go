// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// site is a host with containers a and b on one bridge and c on a link of its own.
type site struct {
	net     *testnet.Net
	options node.Options
	boxes   map[string]*testnet.Container
	plugs   map[string]testnet.Attachment
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{net: testnet.New(t), boxes: map[string]*testnet.Container{},
		plugs: map[string]testnet.Attachment{}}
	s.options = node.Options{StateDir: filepath.Join(dir, "state"),
		PolicyDir: filepath.Join(dir, "policies"), NetNS: s.net.FD()}
	if err := os.Mkdir(s.options.PolicyDir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.net.Bridge(t, "br0", "10.1.0.1/24", "fd00:1::1/64")
	for name, octet := range map[string]string{"a": "2", "b": "3"} {
		s.boxes[name] = s.net.AddContainer(t, name)
		s.plugs[name] = s.net.AttachBridged(t, s.boxes[name], "br0", testnet.Plug{
			Addresses: []string{"10.1.0." + octet + "/24", "fd00:1::" + octet + "/64"},
			Gateways:  []string{"10.1.0.1", "fd00:1::1"}})
	}
	s.boxes["c"] = s.net.AddContainer(t, "c")
	s.plugs["c"] = s.net.AttachRouted(t, s.boxes["c"], testnet.Plug{
		Addresses: []string{"10.2.0.2/32", "fd00:2::2/128"},
		Gateways:  []string{"169.254.1.1", "fd00:2::1"}})
	return s
}

func (s *site) policies(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(s.options.PolicyDir, "test.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *site) attachment(name string) endpoint.Attachment {
	p := s.plugs[name]
	id := strings.Repeat(name, 12)
	return endpoint.Attachment{
		Endpoint: policy.Endpoint{ID: endpoint.ID(id, "eth0"), Namespace: "shop", Name: name,
			Interface: "eth0", Labels: map[string]string{"app": name}, Addresses: p.Addresses},
		ContainerID: id, NetworkName: "test", HostInterface: p.HostInterface, Bridge: p.Bridge,
		MAC: p.MAC.String(), Created: time.Now().UTC().Round(0),
	}
}

func (s *site) do(t *testing.T,
	f func(context.Context, *node.Node) (node.Report, error)) node.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	n, err := node.Open(ctx, s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	r, err := f(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *site) attach(t *testing.T, name string) node.Report {
	t.Helper()
	return s.do(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		return n.Attach(ctx, s.attachment(name))
	})
}

func (s *site) detach(t *testing.T, name string) node.Report {
	t.Helper()
	return s.do(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		return n.Detach(ctx, func(a endpoint.Attachment) bool { return a.Endpoint.Name == name })
	})
}

func apply(ctx context.Context, n *node.Node) (node.Report, error) { return n.Apply(ctx) }

// reach probes and compares; the address is that of the container's network.
func (s *site) reach(t *testing.T, from, addr string, want error) {
	t.Helper()
	if got := s.boxes[from].Dial("tcp", addr, 0); !errors.Is(got, want) {
		t.Errorf("%s -> %s: got %v, want %v", from, addr, got, want)
	}
}

const onlyAReachesB = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: b, namespace: shop}
spec:
  podSelector: {matchLabels: {app: b}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: a}}}]
    ports: [{port: 80}]
`

func TestAttach(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.boxes["b"].Serve(t, "tcp", 81)
	s.boxes["c"].Serve(t, "tcp", 80)
	s.policies(t, onlyAReachesB)
	for _, addr := range []string{"10.1.0.3:80", "[fd00:1::3]:80", "10.1.0.3:81"} {
		s.reach(t, "a", addr, nil)
		s.reach(t, "c", addr, nil)
	}
	for _, name := range []string{"a", "b", "c"} {
		if r := s.attach(t, name); !r.Changed || !r.Flipped {
			t.Errorf("attach %s: got %+v, want a change that flips", name, r)
		}
	}
	for _, addr := range []string{"10.1.0.3", "[fd00:1::3]"} {
		s.reach(t, "a", addr+":80", nil)
		s.reach(t, "a", addr+":81", testnet.ErrTimeout)
		s.reach(t, "c", addr+":80", testnet.ErrTimeout)
	}
	s.reach(t, "a", "10.2.0.2:80", nil)
	s.reach(t, "b", "[fd00:2::2]:80", nil)
	if r := s.do(t, apply); r.Changed {
		t.Errorf("apply without a change: got %+v", r)
	}
	for _, name := range []string{"a", "b", "c"} {
		s.do(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
			return node.Report{}, n.Check(ctx, s.attachment(name).Endpoint.ID)
		})
		s.detach(t, name)
	}
	if left := s.net.Run(t, "nft", "list", "ruleset"); strings.Contains(left, "bulkhead") {
		t.Errorf("left after the last detach:\n%s", left)
	}
}

func TestPolicyEditCutsAnOpenConnection(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.policies(t, onlyAReachesB)
	s.attach(t, "a")
	s.attach(t, "b")
	c, err := s.boxes["a"].Open("tcp", "", "10.1.0.3:80", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Echo(0); err != nil {
		t.Fatal(err)
	}
	s.policies(t, strings.Replace(onlyAReachesB, "app: a", "app: z", 1))
	if r := s.do(t, apply); !r.Flipped {
		t.Errorf("narrowing: got %+v, want a flip", r)
	}
	if err := c.Echo(0); !errors.Is(err, testnet.ErrTimeout) {
		t.Errorf("echo after narrowing: got %v, want %v", err, testnet.ErrTimeout)
	}
	s.policies(t, onlyAReachesB)
	s.do(t, apply)
	if err := c.Echo(3 * time.Second); err != nil {
		t.Errorf("echo after widening: %v", err)
	}
}

func TestBaseClosesBeforeAnyEndpoint(t *testing.T) {
	s := newSite(t)
	s.boxes["b"].Serve(t, "tcp", 80)
	s.boxes["c"].Serve(t, "tcp", 80)
	s.reach(t, "a", "10.1.0.3:80", nil)
	s.reach(t, "a", "10.2.0.2:80", nil)
	s.do(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		c := n.Config()
		c.Managed = compile.Managed{Interfaces: []string{"br0"}, Kinds: []string{"veth"}}
		return n.SetConfig(ctx, c)
	})
	for _, addr := range []string{"10.1.0.3:80", "10.2.0.2:80", "[fd00:1::3]:80"} {
		s.reach(t, "a", addr, testnet.ErrTimeout)
	}
	s.attach(t, "a")
	s.attach(t, "b")
	s.reach(t, "a", "10.1.0.3:80", nil)
	s.reach(t, "a", "10.2.0.2:80", testnet.ErrTimeout)
	s.detach(t, "b")
	s.reach(t, "a", "10.1.0.3:80", testnet.ErrTimeout)
}
