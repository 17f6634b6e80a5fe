// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// programs are what the demo runs: ours, and the CNI project's at the version of go.mod.
var programs = []string{
	"./cmd/bulkhead",
	"./cmd/bulkheadd",
	"./cmd/bulkheadctl",
	"github.com/containernetworking/plugins/plugins/main/bridge",
	"github.com/containernetworking/plugins/plugins/main/ptp",
	"github.com/containernetworking/plugins/plugins/ipam/host-local",
}

// binaries is where they are built. The directory stays, since the linker takes longer than
// the demo.
func binaries(root string) string { return filepath.Join(root, "bin", "demo") }

// moduleRoot finds the checkout, from whatever directory of it the demo is run.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(out)))
	if _, err := os.Stat(filepath.Join(root, "docs", "examples", "demo")); err != nil {
		return "", fmt.Errorf("run me inside the checkout: %w", err)
	}
	return root, nil
}

// build compiles with the settings under which the demo itself was compiled: others would make
// the compiler do everything twice.
func build(ctx context.Context, root string) error {
	dir := binaries(root)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-o", dir + "/"},
		programs...)...)
	cmd.Dir = root
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr // stdout is the demo's alone
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go build: %w", err)
	}
	return nil
}

// prepareKernel loads what a namespace cannot load for itself, and names what is missing.
func prepareKernel(ctx context.Context) error {
	var errs []error
	for tool, from := range map[string]string{"ip": "iproute2", "nft": "nftables"} {
		if _, err := exec.LookPath(tool); err != nil {
			errs = append(errs, fmt.Errorf("%w (apt-get install %s)", err, from))
		}
	}
	if _, err := os.Stat("/proc/sys/net/bridge"); errors.Is(err, fs.ErrNotExist) {
		out, err := exec.CommandContext(ctx, "modprobe", "br_netfilter").CombinedOutput()
		if err != nil {
			errs = append(errs, fmt.Errorf("modprobe br_netfilter: %w\n%s", err, out))
		}
	}
	return errors.Join(errs...)
}
