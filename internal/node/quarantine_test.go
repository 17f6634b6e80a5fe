// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

func (s *site) id(name string) string { return s.attachment(name).Endpoint.ID }

func (s *site) quarantine(t *testing.T, name, reason string, blocks ...string) node.Report {
	t.Helper()
	return s.do(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		return n.Quarantine(ctx, s.id(name), prefixes(blocks...), reason)
	})
}

func (s *site) release(t *testing.T, name string) node.Report {
	t.Helper()
	return s.do(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		return n.Release(ctx, s.id(name))
	})
}

func prefixes(blocks ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, b := range blocks {
		out = append(out, netip.MustParsePrefix(b))
	}
	return out
}

// quarantined is what a process that only tells says.
func (s *site) quarantined(t *testing.T) map[string]node.Quarantined {
	t.Helper()
	n, err := node.OpenReadOnly(s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	status, err := n.Status()
	if err != nil {
		t.Fatal(err)
	}
	return status.Quarantined
}

// isCut wants b closed to a, and open to c if c is let in.
func (s *site) isCut(t *testing.T, c error) {
	t.Helper()
	for _, addr := range []string{"10.1.0.3:80", "[fd00:1::3]:80"} {
		s.reach(t, "a", addr, testnet.ErrTimeout)
		s.reach(t, "c", addr, c)
	}
}

// Every step is a process of its own, as bulkheadctl and the plugin are.
func TestQuarantineSurvivesProcesses(t *testing.T) {
	s := guarded(t)
	s.isGuarded(t)
	if got := s.quarantined(t); len(got) != 0 {
		t.Errorf("before: got %v in quarantine, want none", got)
	}
	before := time.Now()
	if r := s.quarantine(t, "b", "incident 7", "fd00:2::2/128", "10.2.0.2/32"); !r.Changed ||
		!r.Flipped {
		t.Errorf("quarantine: got %+v, want a change that flips", r)
	}
	s.isCut(t, nil)
	first := s.quarantined(t)
	got := first[s.id("b")]
	if len(first) != 1 || got.Reason != "incident 7" || got.Since.Before(before.Add(-time.Second)) ||
		!reflect.DeepEqual(got.AllowFrom, prefixes("10.2.0.2/32", "fd00:2::2/128")) {
		t.Errorf("status: got %+v", first)
	}
	if r := s.quarantine(t, "b", "incident 7", "10.2.0.2/32", "fd00:2::2/128"); r.Changed {
		t.Errorf("again: got %+v, want no change", r)
	}
	if again := s.quarantined(t); !reflect.DeepEqual(first, again) {
		t.Errorf("again: got %+v, want %+v", again, first)
	}
	if r := s.do(t, apply); r.Changed {
		t.Errorf("apply: got %+v, want no change", r)
	}
	s.net.Nft(t, "flush ruleset")
	s.do(t, apply)
	s.isCut(t, nil)
	if r := s.quarantine(t, "b", "incident 7"); !r.Flipped {
		t.Errorf("nobody let in any more: got %+v, want a flip", r)
	}
	s.isCut(t, testnet.ErrTimeout)
	if got := s.quarantined(t)[s.id("b")].Since; !got.Equal(first[s.id("b")].Since) {
		t.Errorf("since: got %v, want %v as before", got, first[s.id("b")].Since)
	}
	if r := s.release(t, "b"); !r.Changed || !r.Flipped {
		t.Errorf("release: got %+v, want a change that flips", r)
	}
	s.isGuarded(t)
	if r := s.release(t, "b"); r.Changed {
		t.Errorf("release again: got %+v, want no change", r)
	}
	if got := s.quarantined(t); len(got) != 0 {
		t.Errorf("released: got %v in quarantine, want none", got)
	}
}

func TestQuarantineOfNobody(t *testing.T) {
	s := guarded(t)
	n, err := node.Open(t.Context(), s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if _, err := n.Quarantine(t.Context(), "nobody/eth0", nil, ""); !errors.Is(err,
		node.ErrUnknownEndpoint) {
		t.Errorf("quarantine: got %v, want %v", err, node.ErrUnknownEndpoint)
	}
	if _, err := n.Release(t.Context(), "nobody/eth0"); !errors.Is(err, node.ErrUnknownEndpoint) {
		t.Errorf("release: got %v, want %v", err, node.ErrUnknownEndpoint)
	}
	if _, err := n.Quarantine(t.Context(), s.id("b"), prefixes("10.0.0.1/8"), ""); err == nil {
		t.Error("a block with host bits: got no error")
	}
	if got := s.quarantined(t); len(got) != 0 {
		t.Errorf("after errors: got %v in quarantine, want none", got)
	}
	s.isGuarded(t)
}

// A process that dies between disk and kernel has ordered it: the next one carries it out.
func TestQuarantineOnDiskIsCarriedOut(t *testing.T) {
	s := guarded(t)
	r, err := endpoint.Open(s.options.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.ByContainer(s.attachment("b").ContainerID, "eth0")
	if err != nil {
		t.Fatal(err)
	}
	a.Endpoint.Quarantine = &policy.Quarantine{}
	if err := r.Put(a); err != nil {
		t.Fatal(err)
	}
	s.isGuarded(t)
	s.quarantine(t, "b", "") // the same again, and not done yet
	s.isCut(t, testnet.ErrTimeout)
}

// Attaching anew is no way out, except from a quarantine for want of an agent.
func TestAttachKeepsAQuarantine(t *testing.T) {
	s := guarded(t)
	s.quarantine(t, "b", endpoint.QuarantineRequested, "10.2.0.2/32", "fd00:2::2/128")
	before := s.quarantined(t)
	s.attach(t, "b")
	s.isCut(t, nil)
	byPlugin := s.attachment("b")
	byPlugin.Endpoint.Quarantine = &policy.Quarantine{}
	byPlugin.QuarantineReason = endpoint.QuarantineAgentDown
	attach := func(ctx context.Context, n *node.Node) (node.Report, error) {
		return n.Attach(ctx, byPlugin)
	}
	s.do(t, attach)
	s.isCut(t, nil)
	if got := s.quarantined(t); !reflect.DeepEqual(got, before) {
		t.Errorf("attached anew: got %+v, want %+v", got, before)
	}
	s.release(t, "b")
	s.isGuarded(t)
	s.do(t, attach)
	s.isCut(t, testnet.ErrTimeout)
	if got := s.quarantined(t)[s.id("b")].Reason; got != endpoint.QuarantineAgentDown {
		t.Errorf("attached by the plugin: got reason %q, want %q", got, endpoint.QuarantineAgentDown)
	}
	s.attach(t, "b")
	s.isGuarded(t)
}

// A failed attempt to attach it anew does not open what is cut off: with nothing of it left, its
// link would be nobody's, and on a node without a managed base nobody's business.
func TestFailedAttachKeepsAQuarantine(t *testing.T) {
	s := guarded(t)
	s.boxes["a"].Serve(t, "tcp", 80)
	s.reach(t, "c", "10.1.0.2:80", nil)
	s.quarantine(t, "c", endpoint.QuarantineRequested)
	before := s.quarantined(t)
	thief := s.attachment("c")
	thief.Endpoint.Addresses = append(thief.Endpoint.Addresses, s.plugs["b"].Addresses...)
	n, err := node.Open(t.Context(), s.options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Attach(t.Context(), thief); !errors.Is(err, node.ErrConflict) {
		t.Errorf("attach: got %v, want %v", err, node.ErrConflict)
	}
	n.Close()
	s.reach(t, "c", "10.1.0.2:80", testnet.ErrTimeout)
	if got := s.quarantined(t); !reflect.DeepEqual(got, before) {
		t.Errorf("after the failure: got %+v, want %+v", got, before)
	}
	s.release(t, "c")
	s.reach(t, "c", "10.1.0.2:80", nil)
	s.detach(t, "c")
}

// Without policies to judge by, cutting off goes on and opening does not.
func TestReleaseNeedsThePolicies(t *testing.T) {
	s := guarded(t)
	if err := os.RemoveAll(s.options.PolicyDir); err != nil {
		t.Fatal(err)
	}
	s.quarantine(t, "b", "")
	s.isCut(t, testnet.ErrTimeout)
	n, err := node.Open(t.Context(), s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if _, err := n.Release(t.Context(), s.id("b")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("release: got %v, want %v", err, fs.ErrNotExist)
	}
	s.isCut(t, testnet.ErrTimeout)
}
