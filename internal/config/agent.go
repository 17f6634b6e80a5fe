// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Agent is the section "agent".
type Agent struct {
	// PolicyDir and StateDir are absolute; Socket lies in StateDir if it is empty.
	PolicyDir, StateDir, Socket string
	// Metrics is where metrics and health are served: a loopback address with a port, a path of a
	// unix socket behind "unix:", or "off".
	Metrics string
	// Resync is how often the kernel is read back without a reason.
	Resync   time.Duration
	LogLevel slog.Level
}

// MetricsOff serves neither metrics nor health.
const MetricsOff = "off"

// DefaultAgent is an agent whose file says nothing.
func DefaultAgent() Agent {
	return Agent{PolicyDir: "/etc/bulkhead/policies", StateDir: "/run/bulkhead",
		Metrics: "127.0.0.1:9469", Resync: 30 * time.Second}
}

// The bounds of Resync: a read-back of a thousand endpoints takes a tenth of a second.
const (
	minResync = time.Second
	maxResync = time.Hour
)

func (p *parser) agentKeys() map[string]func(*yaml.Node) {
	a := &p.config.Agent
	return map[string]func(*yaml.Node){
		"policyDir": p.text(&a.PolicyDir, Absolute),
		"stateDir":  p.text(&a.StateDir, Absolute),
		"socket":    p.text(&a.Socket, Absolute),
		"metrics":   p.text(&a.Metrics, MetricsPlace),
		"resync":    p.duration(&a.Resync, minResync, maxResync),
		"logLevel":  p.level(&a.LogLevel),
	}
}

// text reads a text that passes a check.
func (p *parser) text(into *string, check func(string) error) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
			p.fault(n, "found %s, accepted a text", kindOf(n))
			return
		}
		if err := check(n.Value); err != nil {
			p.fault(n, "%v", err)
			return
		}
		*into = n.Value
	}
}

func (p *parser) duration(into *time.Duration, low, high time.Duration) func(*yaml.Node) {
	return func(n *yaml.Node) {
		d, err := time.ParseDuration(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || d < low || d > high {
			p.fault(n, "found %s, accepted a duration from %v to %v, such as 30s", kindOf(n), low,
				high)
			return
		}
		*into = d
	}
}

func (p *parser) level(into *slog.Level) func(*yaml.Node) {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo,
		"warn": slog.LevelWarn, "error": slog.LevelError}
	return func(n *yaml.Node) {
		level, ok := levels[n.Value]
		if n.Kind != yaml.ScalarNode || !ok {
			p.fault(n, "found %s, accepted debug, info, warn or error", kindOf(n))
			return
		}
		*into = level
	}
}

// Absolute accepts an absolute path that is not the root.
func Absolute(path string) error {
	if !filepath.IsAbs(path) || filepath.Clean(path) == "/" {
		return fmt.Errorf("found %q, accepted an absolute path", path)
	}
	return nil
}

// MetricsPlace accepts what Agent.Metrics may be. It refuses what is reached from outside: who may
// read metrics is not settled there.
func MetricsPlace(text string) error {
	if text == MetricsOff {
		return nil
	}
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		return Absolute(path)
	}
	at, err := netip.ParseAddrPort(text)
	if err == nil && at.Port() != 0 && at.Addr().IsLoopback() {
		return nil
	}
	if _, _, err := net.SplitHostPort(text); err == nil {
		return fmt.Errorf("found %q, accepted a loopback address and a port, such as 127.0.0.1:9469",
			text)
	}
	return fmt.Errorf("found %q, accepted 127.0.0.1:PORT, [::1]:PORT, unix:PATH or off", text)
}
