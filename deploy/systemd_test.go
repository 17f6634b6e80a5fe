// SPDX-License-Identifier: Apache-2.0

// Package deploy holds what puts our binaries on a machine: schemas, systemd units. Its tests
// take each file at its word.
package deploy

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

const (
	baseUnit     = "systemd/bulkhead-base.service"
	agentUnit    = "systemd/bulkheadd.service"
	installedBin = "/usr/local/bin/bulkheadd"
	configFile   = "/etc/bulkhead/bulkheadd.yaml"
)

// build builds one of our programs and returns its path.
func build(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("go", "build", "-o", path, "./cmd/"+name)
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// values are those of a key of a unit, in order.
func values(unit, key string) []string {
	var out []string
	for _, line := range strings.Split(unit, "\n") {
		if v, ok := strings.CutPrefix(line, key+"="); ok {
			out = append(out, strings.Fields(v)...)
		}
	}
	return out
}

func TestUnitsAreWellFormed(t *testing.T) {
	program := build(t, "bulkheadd")
	for file, wanted := range map[string][]string{
		baseUnit:  {"network-pre.target", "docker.service", "containerd.service"},
		agentUnit: {"docker.service", "containerd.service", "crio.service", "kubelet.service"},
	} {
		unit := read(t, file)
		patched := strings.ReplaceAll(unit, installedBin, program)
		path := filepath.Join(t.TempDir(), filepath.Base(file))
		if err := os.WriteFile(path, []byte(patched), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput()
		if err != nil || strings.Contains(string(out), "bulkhead") {
			t.Errorf("systemd-analyze verify: %v\n%s", err, out)
		}
		for _, want := range wanted {
			if got := values(unit, "Before"); !slices.Contains(got, want) {
				t.Errorf("%s: Before: got %q, want %s in it", file, got, want)
			}
		}
		// A tenth of "2.2": what root with the two capabilities and the host's network amounts to.
		out, err = exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager",
			"--threshold=22", path).CombinedOutput()
		if err != nil {
			t.Errorf("systemd-analyze security: %v\n%s", err, out)
		}
	}
}

// TestUnitClosesTheHost runs the unit's command as it stands there, on a host of its own, with
// the two places that belong to the machine moved to the test's.
func TestUnitClosesTheHost(t *testing.T) {
	n := testnet.New(t)
	n.Bridge(t, "br0", "10.1.0.1/24")
	a, b := n.AddContainer(t, "a"), n.AddContainer(t, "b")
	n.AttachBridged(t, a, "br0", testnet.Plug{Addresses: []string{"10.1.0.2/24"}})
	n.AttachBridged(t, b, "br0", testnet.Plug{Addresses: []string{"10.1.0.3/24"}})
	b.Serve(t, "tcp", 80)
	if err := a.Dial("tcp", "10.1.0.3:80", 0); err != nil {
		t.Fatalf("before: %v", err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "bulkheadd.yaml")
	if err := os.WriteFile(config, []byte("base: {interfaces: [br0]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	line := values(read(t, baseUnit), "ExecStart")
	if len(line) < 2 || line[0] != installedBin || !strings.Contains(strings.Join(line, " "),
		configFile) {
		t.Fatalf("ExecStart: got %q, want %s with %s", line, installedBin, configFile)
	}
	line[0] = build(t, "bulkheadd")
	for i := range line {
		line[i] = strings.ReplaceAll(line[i], configFile, config)
	}
	line = append(line, "--state-dir", filepath.Join(dir, "state"))
	line = append(confinement(t, baseUnit, "-all,+net_admin"), line...)
	for range 2 { // systemctl restart
		n.Run(t, line[0], line[1:]...)
		if err := a.Dial("tcp", "10.1.0.3:80", 0); !errors.Is(err, testnet.ErrTimeout) {
			t.Errorf("after: got %v, want %v", err, testnet.ErrTimeout)
		}
	}
	tables := n.Run(t, "nft", "list", "tables")
	for _, family := range []string{"ip", "ip6", "bridge"} {
		if !strings.Contains(tables, "table "+family+" bulkhead\n") {
			t.Errorf("no table of family %s in\n%s", family, tables)
		}
	}
}

// confinement takes from a command what the unit takes from it: every capability that it does
// not name. Without a running systemd this is as much of its hardening as can be applied. want is
// how setpriv says what stays.
func confinement(t *testing.T, unit, want string) []string {
	t.Helper()
	bounds := "-all"
	for _, c := range values(read(t, unit), "CapabilityBoundingSet") {
		bounds += ",+" + strings.ToLower(strings.TrimPrefix(c, "CAP_"))
	}
	if bounds != want {
		t.Errorf("capabilities: got %s, want %s", bounds, want)
	}
	return []string{"setpriv", "--bounding-set=" + bounds, "--inh-caps=-all", "--no-new-privs"}
}
