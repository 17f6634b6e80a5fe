// SPDX-License-Identifier: Apache-2.0

package base_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/base"
	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// machine is a host with two containers on a bridge and one on a link of its own, and the
// directories of a node.
type machine struct {
	net     *testnet.Net
	dir     string
	a, b, c *testnet.Container
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{net: testnet.New(t), dir: t.TempDir()}
	m.net.Bridge(t, "br0", "10.1.0.1/24", "fd00:1::1/64")
	m.a, m.b, m.c = m.net.AddContainer(t, "a"), m.net.AddContainer(t, "b"), m.net.AddContainer(t, "c")
	m.net.AttachBridged(t, m.a, "br0", testnet.Plug{HostInterface: "port-a",
		Addresses: []string{"10.1.0.2/24", "fd00:1::2/64"}, Gateways: []string{"10.1.0.1"}})
	m.net.AttachBridged(t, m.b, "br0", testnet.Plug{HostInterface: "port-b",
		Addresses: []string{"10.1.0.3/24", "fd00:1::3/64"}, Gateways: []string{"10.1.0.1"}})
	m.net.AttachRouted(t, m.c, testnet.Plug{HostInterface: "link-c",
		Addresses: []string{"10.2.0.4/32"}, Gateways: []string{"10.2.0.1"}})
	for _, box := range []*testnet.Container{m.b, m.c} {
		box.Serve(t, "tcp", 80)
	}
	m.net.Nft(t, "table inet other { chain c { accept; }; }")
	return m
}

// base runs the command and returns the exit code and both outputs.
func (m *machine) base(t *testing.T, line ...string) (int, string, string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := cli.Program{Name: "bulkheadd", Commands: []cli.Command{base.Command(m.net.FD())}}
	line = append([]string{"base", "--state-dir", filepath.Join(m.dir, "state"),
		"--policy-dir", filepath.Join(m.dir, "no-policies")}, line...)
	code := p.Run(t.Context(), line, cli.Streams{Out: &out, Err: &errs})
	return code, out.String(), errs.String()
}

func (m *machine) file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(m.dir, "bulkheadd.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (m *machine) probe(t *testing.T, address string, want error) {
	t.Helper()
	if got := m.a.Dial("tcp", address, 0); !errors.Is(got, want) {
		t.Errorf("a -> %s: got %v, want %v", address, got, want)
	}
}

func TestBaseCloses(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		flags      []string
		// same is what a and b of one bridge get from each other, routed what c gets.
		same, routed error
	}{
		{"bridge", "", []string{"--interface", "br0"}, testnet.ErrTimeout, testnet.ErrTimeout},
		{"kind", "", []string{"--kind", "veth"}, testnet.ErrTimeout, testnet.ErrTimeout},
		{"prefix", "", []string{"--prefix", "link-"}, nil, testnet.ErrTimeout},
		{"subnet", "", []string{"--subnet", "10.2.0.0/16"}, nil, testnet.ErrTimeout},
		{"file", "base: {interfaces: [link-c]}", nil, nil, testnet.ErrTimeout},
		{"file and flag", "base: {prefixes: [nothing]}", []string{"--interface", "br0"},
			testnet.ErrTimeout, testnet.ErrTimeout},
		{"absent", "", []string{"--interface", "br7"}, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMachine(t)
			m.probe(t, "10.1.0.3:80", nil)
			m.probe(t, "10.2.0.4:80", nil)
			flags := append([]string{"--config", m.file(t, tc.file)}, tc.flags...)
			code, first, errs := m.base(t, flags...)
			generation, _, _ := strings.Cut(first, ", ")
			if code != 0 || !strings.HasPrefix(generation, "generation ") {
				t.Fatalf("got %d, %q, %q, want a generation", code, first, errs)
			}
			m.probe(t, "10.1.0.3:80", tc.same)
			m.probe(t, "10.2.0.4:80", tc.routed)
			if code, out, errs := m.base(t, flags...); code != 0 ||
				!strings.HasPrefix(out, generation+", unchanged: ") {
				t.Errorf("again: got %d, %q, %q, want no change", code, out, errs)
			}
			if got := m.net.Run(t, "nft", "list", "table", "inet", "other"); got == "" {
				t.Error("the table of other software is gone")
			}
		})
	}
}

func TestBaseSetsTheFlagsOfNamedBridges(t *testing.T) {
	m := newMachine(t)
	m.net.Bridge(t, "br1")
	if code, _, errs := m.base(t, "--interface", "br0,br7"); code != 0 {
		t.Fatalf("got %d, %q", code, errs)
	}
	for bridge, want := range map[string]string{"br0": "1", "br1": "0"} {
		for _, flag := range []string{"nf_call_iptables", "nf_call_ip6tables"} {
			link := m.net.Run(t, "ip", "-d", "link", "show", bridge)
			if !strings.Contains(link, flag+" "+want) {
				t.Errorf("%s of %s: want %s in\n%s", flag, bridge, want, link)
			}
		}
	}
}

func TestBaseRefuses(t *testing.T) {
	m := newMachine(t)
	for _, tc := range []struct {
		name string
		line []string
		code int
		want string
	}{
		{"nothing", []string{"--config", m.file(t, "base: {}")}, 1, "nothing to close"},
		{"no file", []string{"--config", filepath.Join(m.dir, "absent"), "--kind", "veth"}, 1,
			"no such file"},
		{"argument", []string{"br0"}, 2, `unexpected argument "br0"`},
		{"flag", []string{"--interface", "lo"}, 2, "--interface: interface lo"},
		{"empty flag", []string{"--kind", ""}, 2, "an empty value"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, out, errs := m.base(t, tc.line...)
			if code != tc.code || out != "" || !strings.Contains(errs, tc.want) {
				t.Errorf("got %d, %q, %q, want %d and %q", code, out, errs, tc.code, tc.want)
			}
		})
	}
	bad := m.file(t, "base:\n  interfaces: [br0]\n  subnet: [10.0.0.0/8]\n")
	if code, _, errs := m.base(t, "--config", bad); code != 1 ||
		!strings.Contains(errs, bad+":3:3: unknown key") {
		t.Errorf("misspelt key: got %d, %q", code, errs)
	}
	if left := m.net.Run(t, "nft", "list", "tables"); strings.Contains(left, "bulkhead") {
		t.Errorf("a refused command loaded tables:\n%s", left)
	}
}
