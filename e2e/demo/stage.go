// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// startStage runs the demo in namespaces of its own and waits for its end. They live as long
// as the stage: being the first of its process namespace, it takes all workloads along, and
// the death signal takes it along if this process is killed.
func startStage(ctx context.Context, root string, o options) error {
	runtime.LockOSThread() // the death signal is about the thread that started the child
	defer runtime.UnlockOSThread()
	arguments := []string{stageRole, root}
	if o.hold {
		arguments = append(arguments, "hold")
	}
	if o.daemonless {
		arguments = append(arguments, "daemonless")
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", arguments...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		Pdeathsig:  unix.SIGKILL,
		Setpgid:    true, // ctrl-C reaches the stage through us, and never a plugin half-way
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	enter, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	if o.hold {
		go forwardEnter(enter)
	}
	err = cmd.Wait()
	if _, stopped := errors.AsType[*exec.ExitError](err); stopped {
		return errors.New("the stage ended with an error")
	}
	if o.hold && errors.Is(err, context.Canceled) {
		return nil // the stage cleaned up and found nothing wrong
	}
	return err
}

// forwardEnter passes a line on. The end of the input is not one: a service has none.
func forwardEnter(w io.WriteCloser) {
	if line, err := bufio.NewReader(os.Stdin).ReadString('\n'); err == nil {
		io.WriteString(w, line)
	}
}

// The stage's own /run holds everything that the demo writes.
const (
	stateDir  = "/run/bulkhead"
	policyDir = "/run/demo/policies"
	cacheDir  = "/run/demo/cni"
	ipamDir   = "/run/demo/ipam"
)

// runStage sets the namespaces up and plays.
func runStage(ctx context.Context, root string, o options) error {
	pid, err := os.Readlink("/proc/self") // as the machine's own /proc numbers us
	if err != nil {
		return err
	}
	if err := mountStage(); err != nil {
		return fmt.Errorf("mounts: %w", err)
	}
	if err := networkStage(ctx); err != nil {
		return err
	}
	p := &play{out: os.Stdout, root: root, bin: binaries(root), pid: pid, options: o}
	err = p.run(ctx)
	if said := agentSaid(); err != nil && said != "" {
		err = fmt.Errorf("%w\nthe agent said:\n%s", err, said)
	}
	return err
}

func mountStage() error {
	// Otherwise the mounts below would show on the machine as well.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"); err != nil {
		return err
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	for _, dir := range []string{policyDir, cacheDir, ipamDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// networkStage makes the stage a router with the address of a cloud's metadata service.
func networkStage(ctx context.Context) error {
	for _, path := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
		err := os.WriteFile(filepath.Join("/proc/sys/net", path), []byte("1"), 0o644)
		if err != nil {
			return err
		}
	}
	for _, arguments := range [][]string{
		{"link", "set", "lo", "up"},
		{"address", "add", metadataV4.String() + "/32", "dev", "lo"},
		{"address", "add", metadataV6.String() + "/128", "dev", "lo", "nodad"},
	} {
		if out, err := exec.CommandContext(ctx, "ip", arguments...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %v: %w\n%s", arguments, err, out)
		}
	}
	return nil
}
