// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
)

// leave detaches everybody and looks for what is left.
func (p *play) leave(ctx context.Context) error {
	for _, r := range cast {
		c := p.containers[r.name]
		if !r.isHost() {
			if err := p.detach(ctx, c); err != nil {
				return err
			}
		}
		if err := c.stop(); err != nil {
			return fmt.Errorf("workload %s: %w", c, err)
		}
	}
	if p.agent != nil {
		if err := p.agent.stop(); err != nil {
			return err
		}
	}
	if _, err := p.ctl(ctx, "uninstall", "-yes"); err != nil {
		return err
	}
	for _, left := range []func(context.Context) (string, error){
		leftRules, leftLinks, leftState,
	} {
		text, err := left(ctx)
		if err != nil {
			return err
		}
		if text != "" {
			return fmt.Errorf("left behind: %s", text)
		}
	}
	p.say("  nft list ruleset: empty; links: none; %s: empty", stateDir)
	return nil
}

func leftRules(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "nft", "list", "ruleset").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("nft list ruleset: %w\n%s", err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// leftLinks finds attachments. The bridge belongs to the bridge plugin, which keeps it.
func leftLinks(context.Context) (string, error) {
	links, err := net.Interfaces()
	if err != nil {
		return "", err
	}
	var left []string
	for _, l := range links {
		if l.Name != "lo" && l.Name != "shop0" {
			left = append(left, l.Name)
		}
	}
	return strings.Join(left, " "), nil
}

// leftState finds what we wrote; the lock stays, since removing it would make two of it.
func leftState(context.Context) (string, error) {
	entries, err := os.ReadDir(stateDir)
	if err != nil {
		return "", err
	}
	var left []string
	for _, e := range entries {
		if e.Name() != "lock" {
			left = append(left, e.Name())
		}
	}
	return strings.Join(left, " "), nil
}
