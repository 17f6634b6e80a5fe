// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"syscall"

	"github.com/containernetworking/cni/libcni"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/policy"
)

// container is a role at work: a process in a network namespace, or in the stage's for the host.
type container struct {
	role
	cmd *exec.Cmd
	in  io.WriteCloser
	to  *json.Encoder
	out *json.Decoder

	// What the attachment gave it.
	config    *libcni.NetworkConfigList
	addresses []netip.Addr
	gateways  []netip.Addr
	hostLink  string

	quarantine *policy.Quarantine // nil if it is not in one
}

// startContainer starts a role and waits until its services listen. Its network is empty yet.
func startContainer(ctx context.Context, r role) (*container, error) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", workloadRole, r.name)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if !r.isHost() {
		cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWNET
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("workload %s: %w", r, err)
	}
	c := &container{role: r, cmd: cmd, in: in, to: json.NewEncoder(in),
		out: json.NewDecoder(out)}
	_, err = c.receive()
	return c, err
}

func (c *container) ask(q request) (response, error) {
	if err := c.to.Encode(q); err != nil {
		return response{}, fmt.Errorf("workload %s: %w", c, err)
	}
	return c.receive()
}

func (c *container) receive() (response, error) {
	var a response
	err := c.out.Decode(&a)
	if err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	if err != nil {
		return a, fmt.Errorf("workload %s: %w", c, err)
	}
	return a, nil
}

// stop hangs up and waits for the end.
func (c *container) stop() error {
	return errors.Join(c.in.Close(), c.cmd.Wait())
}

// netns is where CNI plugins find the container.
func (c *container) netns() string { return fmt.Sprintf("/proc/%d/ns/net", c.cmd.Process.Pid) }

// address returns the container's address of a family.
func (c *container) address(v6 bool) netip.Addr { return ofFamily(c.addresses, v6) }

// gateway returns the address at which the container knows the host.
func (c *container) gateway(v6 bool) netip.Addr { return ofFamily(c.gateways, v6) }

func ofFamily(list []netip.Addr, v6 bool) netip.Addr {
	for _, a := range list {
		if a.Is6() == v6 {
			return a
		}
	}
	return netip.Addr{}
}
