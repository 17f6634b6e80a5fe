// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
)

// The agent's places on the stage.
const (
	agentSocket = stateDir + "/agent.sock"
	agentLog    = "/run/demo/agent.log"
	denialsDir  = "/run/demo/denials"
)

// keeper is the node's agent at work: a real process in the stage's network.
type keeper struct {
	cmd   *exec.Cmd
	ended chan error
}

// agentPatience is how long the demo waits for an agent to do something by itself: much longer
// than that takes, so that a slow machine is not taken for a fault.
const agentPatience = 30 * time.Second

// startAgent starts an agent and waits until it is ready. It is not the context's: what ends the
// demo ends the stage, and the agent with it.
func startAgent(ctx context.Context, bin string) (*keeper, error) {
	log, err := os.OpenFile(agentLog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(bin, "bulkheadd"), "agent", "--policy-dir", policyDir,
		"--state-dir", stateDir, "--denials-dir", denialsDir)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	a := &keeper{cmd: cmd, ended: make(chan error, 1)}
	go func() { a.ended <- cmd.Wait() }()
	return a, a.await(ctx, "ready", func() (bool, error) {
		var r agentapi.Ready
		err := ask(ctx, agentapi.Request{Verb: agentapi.VerbReady}, &r)
		if errors.Is(err, agentapi.ErrDown) {
			return false, nil // does not listen yet
		}
		return err == nil && len(r.Missing) == 0, err
	})
}

// await waits until something is so. An agent that ends meanwhile is an error.
func (a *keeper) await(ctx context.Context, what string, is func() (bool, error)) error {
	end := time.Now().Add(agentPatience)
	for {
		if so, err := is(); so || err != nil {
			return err
		}
		select {
		case err := <-a.ended:
			return fmt.Errorf("agent ended before it was %s: %w", what, err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
		if time.Now().After(end) {
			return fmt.Errorf("agent: not %s within %v", what, agentPatience)
		}
	}
}

// kill is kill -9: the agent has no say in it.
func (a *keeper) kill() error {
	if err := a.cmd.Process.Kill(); err != nil {
		return err
	}
	<-a.ended // with "signal: killed"
	return nil
}

// stop asks the agent to end, which leaves the rules where they are.
func (a *keeper) stop() error {
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := <-a.ended; err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	return nil
}

// ask sends a request over the socket and reads its result into v, unless that is nil.
func ask(ctx context.Context, r agentapi.Request, v any) error {
	ctx, cancel := context.WithTimeout(ctx, agentPatience)
	defer cancel()
	reply, err := agentapi.Call(ctx, agentSocket, r)
	if err != nil || v == nil {
		return err
	}
	return reply.Decode(v)
}

// agentSaid is the agent's log, for whoever has to find out what went wrong.
func agentSaid() string {
	text, err := os.ReadFile(agentLog)
	if err != nil {
		return ""
	}
	return string(text)
}
