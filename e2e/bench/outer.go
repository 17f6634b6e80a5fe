// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// outer builds what is measured and starts the stage.
func outer(ctx context.Context, o options, args []string) error {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root")
	}
	dir, err := os.MkdirTemp("", "bulkhead-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := build(ctx, dir); err != nil {
		return err
	}
	return startStage(ctx, append([]string{stageRole, "-bin", dir}, args...))
}

// build makes the plugin, the daemon, and the empty program whose start is the floor of any
// plugin's.
func build(ctx context.Context, dir string) error {
	empty := filepath.Join(dir, "empty.go")
	if err := os.WriteFile(empty, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		return err
	}
	for name, source := range map[string]string{
		"bulkhead":    "github.com/bulkhead-net/bulkhead/cmd/bulkhead",
		"bulkheadd":   "github.com/bulkhead-net/bulkhead/cmd/bulkheadd",
		"bulkheadctl": "github.com/bulkhead-net/bulkhead/cmd/bulkheadctl", "empty": empty,
	} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o",
			filepath.Join(dir, name), source)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", source, err, out)
		}
	}
	return nil
}

// startStage runs this program in namespaces of its own. The death signal takes it along if
// this process is killed; its namespaces go with it.
func startStage(ctx context.Context, args []string) error {
	runtime.LockOSThread() // the death signal is about the thread that started the child
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		Pdeathsig:  unix.SIGKILL,
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	return nil
}

// mountStage gives the stage a /run of its own, in memory as on a real node.
func mountStage() error {
	// Otherwise the mount below would show on the machine as well.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	return nil
}
