// SPDX-License-Identifier: Apache-2.0

// Package deploy holds what puts our binaries on a machine: schemas, a systemd unit. Its tests
// take each file at its word.
package deploy

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

const (
	unitFile     = "systemd/bulkhead-base.service"
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

func TestUnitIsWellFormed(t *testing.T) {
	unit := read(t, unitFile)
	patched := strings.ReplaceAll(unit, installedBin, build(t, "bulkheadd"))
	path := filepath.Join(t.TempDir(), filepath.Base(unitFile))
	if err := os.WriteFile(path, []byte(patched), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput()
	if err != nil || strings.Contains(string(out), "bulkhead") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	before := strings.Join(values(unit, "Before"), " ")
	for _, want := range []string{"network-pre.target", "docker.service", "containerd.service"} {
		if !strings.Contains(" "+before+" ", " "+want+" ") {
			t.Errorf("Before: got %q, want %s in it", before, want)
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
	line := values(read(t, unitFile), "ExecStart")
	if len(line) < 2 || line[0] != installedBin || !strings.Contains(strings.Join(line, " "),
		configFile) {
		t.Fatalf("ExecStart: got %q, want %s with %s", line, installedBin, configFile)
	}
	line[0] = build(t, "bulkheadd")
	for i := range line {
		line[i] = strings.ReplaceAll(line[i], configFile, config)
	}
	line = append(line, "--state-dir", filepath.Join(dir, "state"))
	line = append(confinement(t), line...)
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
// not name. Without a running systemd this is as much of its hardening as can be applied.
func confinement(t *testing.T) []string {
	t.Helper()
	bounds := "-all"
	for _, c := range values(read(t, unitFile), "CapabilityBoundingSet") {
		bounds += ",+" + strings.ToLower(strings.TrimPrefix(c, "CAP_"))
	}
	if bounds != "-all,+net_admin" {
		t.Errorf("capabilities: got %s, want net_admin alone", bounds)
	}
	return []string{"setpriv", "--bounding-set=" + bounds, "--inh-caps=-all", "--no-new-privs"}
}
