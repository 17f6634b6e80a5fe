// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/node"
)

// withPolicies puts the policies in place and shows the matrix.
func (p *play) withPolicies(ctx context.Context) error {
	if err := p.copyPolicies(); err != nil {
		return err
	}
	if err := p.inForce(ctx); err != nil {
		return err
	}
	before, err := readCounters(ctx)
	if err != nil {
		return err
	}
	p.say("  4 passed on IPv4, 6 passed on IPv6, . dropped, x rejected\n")
	m, err := p.compare()
	if err != nil {
		return err
	}
	p.say("\n  What was denied, by which policy:")
	return p.denials(ctx, m, before)
}

// inForce waits until the kernel follows the policies that were put in place: with an agent that
// happens by itself, without one apply makes it so.
func (p *play) inForce(ctx context.Context) error {
	if p.agent == nil {
		_, err := p.ctl(ctx, "apply")
		return err
	}
	set, err := law()
	if err != nil {
		return err
	}
	start := time.Now()
	err = p.agent.await(ctx, "done with the policies", func() (bool, error) {
		s, err := status(ctx)
		return s.Policies[node.PolicyEnforced] == len(set.Documents), err
	})
	if err != nil {
		return err
	}
	s, err := status(ctx)
	p.say("  all %d documents are in force %d ms after the last one was put in place, generation %d",
		len(set.Documents), time.Since(start).Milliseconds(), s.Generation)
	return err
}

// presets are the shipped policies that fit, besides the demo's own.
var presets = []string{
	"default-deny.yaml", "host-closed.yaml", "cloud-metadata.yaml", "management-planes.yaml",
}

func (p *play) copyPolicies() error {
	examples := filepath.Join(p.root, "docs", "examples")
	paths, err := filepath.Glob(filepath.Join(examples, "demo", "*.yaml"))
	if err != nil {
		return err
	}
	for _, name := range presets {
		paths = append(paths, filepath.Join(examples, name))
	}
	var names []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		names = append(names, filepath.Base(path))
		if err := os.WriteFile(filepath.Join(policyDir, filepath.Base(path)), text, 0o644); err != nil {
			return err
		}
	}
	p.say("  policies: %s\n            %s", strings.Join(names[:len(names)-len(presets)], " "),
		strings.Join(presets, " "))
	return nil
}
