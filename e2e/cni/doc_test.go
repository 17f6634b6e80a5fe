// SPDX-License-Identifier: Apache-2.0

// Package cni_test drives the built plugin as runtimes do: through libcni behind the plugins
// bridge, ptp and macvlan of containernetworking, and by hand with a raw environment. Every
// host is a network namespace of its own.
package cni_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	// What the built plugin consists of, so that results are not taken from the test cache
	// after a change of it.
	_ "github.com/bulkhead-net/bulkhead/internal/node"
	_ "github.com/bulkhead-net/bulkhead/plugin"
)

// binaries is the directory of the built plugins.
var binaries string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "bulkhead-cni-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binaries)
	const reference = "github.com/containernetworking/plugins/plugins/"
	build := exec.Command("go", "build", "-o", binaries, "./cmd/bulkhead", "./cmd/bulkheadctl",
		reference+"main/bridge", reference+"main/ptp", reference+"main/macvlan",
		reference+"ipam/host-local")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
