// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// running is a flow that was opened before anything was cut off.
type running struct {
	from, to string
	six      bool
	proto    string
	*testnet.Conn
}

// machine is a container's namespace, or the node's.
func (s *site) machine(name string) *testnet.Namespace {
	if name == "host" {
		return s.Namespace
	}
	return s.boxes[name].Namespace
}

// addressOf is the node's address on the LAN for host, and otherwise the container's.
func addressOf(name string, six bool) netip.Addr {
	if name == "host" {
		return gatewayOf("x", six)
	}
	return addrOf(name, six)
}

// open starts a flow to port 80, from the address that its sender is known by.
func (s *site) open(from, to string, six bool, proto string) (*running, error) {
	c, err := s.machine(from).Open(proto, netip.AddrPortFrom(addressOf(from, six), 0).String(),
		netip.AddrPortFrom(addressOf(to, six), 80).String(), 0)
	return &running{from, to, six, proto, c}, err
}

// openAll starts flows of both protocols and families between one endpoint and all others, the
// node and the world included, in both directions.
func (s *site) openAll(t testing.TB, subject string) []*running {
	t.Helper()
	var flows []*running
	for _, peer := range []string{"b", "c", "d", "f", "x", "host"} {
		for _, w := range []way{{subject, peer}, {peer, subject}} {
			for _, six := range both {
				for _, proto := range []string{"tcp", "udp"} {
					f, err := s.open(w.from, w.to, six, proto)
					if err != nil {
						t.Fatalf("%s: %v", f, err)
					}
					t.Cleanup(f.Close)
					flows = append(flows, f)
				}
			}
		}
	}
	return flows
}

func (f *running) String() string {
	return fmt.Sprintf("%s from %s to %s (%s)", f.proto, f.from, f.to, addressOf(f.to, f.six))
}

// patience is for a flow that was cut off a while ago: its next try may be seconds away.
const patience = 8 * time.Second

// hold sends a line over all flows at once, and over new ones of the same kind; want says which of
// them are to pass.
func (s *site) hold(t testing.TB, when string, flows []*running, want func(*running) bool) {
	t.Helper()
	var all sync.WaitGroup
	for _, f := range flows {
		expected, timeout := error(nil), patience
		if !want(f) {
			expected, timeout = testnet.ErrTimeout, 0
		}
		all.Go(func() {
			if err := f.Echo(timeout); !errors.Is(err, expected) {
				t.Errorf("%s: %s that runs: got %v, want %v", when, f, err, expected)
			}
			fresh, err := s.open(f.from, f.to, f.six, f.proto)
			if err == nil {
				err = fresh.Echo(timeout)
				fresh.Close()
			}
			if !errors.Is(err, expected) {
				t.Errorf("%s: new %s: got %v, want %v", when, f, err, expected)
			}
		})
	}
	all.Wait()
}

// cutOff puts a container in quarantine and returns how long that took.
func (s *site) cutOff(t testing.TB, name string, allowed ...netip.Addr) time.Duration {
	t.Helper()
	var blocks []netip.Prefix
	for _, a := range allowed {
		blocks = append(blocks, netip.PrefixFrom(a, a.BitLen()))
	}
	var took time.Duration
	r := s.operate(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		start := time.Now()
		r, err := n.Quarantine(ctx, s.attachment(name).Endpoint.ID, blocks,
			endpoint.QuarantineRequested)
		took = time.Since(start)
		return r, err
	})
	if !r.Changed || !r.Flipped {
		t.Errorf("quarantine of %s: got %+v, want a change that judges all flows again", name, r)
	}
	return took
}

func (s *site) release(t testing.TB, name string) {
	t.Helper()
	r := s.operate(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		return n.Release(ctx, s.attachment(name).Endpoint.ID)
	})
	if !r.Changed || !r.Flipped {
		t.Errorf("release of %s: got %+v, want a change that judges all flows again", name, r)
	}
}

const adminAccepts = `
apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: open}
spec:
  tier: Admin
  priority: 0
  subject: {namespaces: {}}
  ingress: [{action: Accept, from: [{cidrs: [0.0.0.0/0, "::/0"]}]}]
  egress: [{action: Accept, to: [{cidrs: [0.0.0.0/0, "::/0"]}]}]
`

// An endpoint in quarantine is cut off at once: its flows that run, and new ones, from and to
// endpoints behind every kind of link, the world and the own node, whatever the Admin tier says.
// Whom it lets in reaches it, and nobody else; it reaches nobody. Released, it goes on.
func TestQuarantine(t *testing.T) {
	for _, subject := range []string{"a", "e"} {
		t.Run(map[string]string{"a": "bridged", "e": "routed"}[subject], func(t *testing.T) {
			s := newSite(t)
			for _, name := range append([]string{"x", "host"}, members...) {
				s.machine(name).Serve(t, "tcp", 80)
				s.machine(name).Serve(t, "udp", 80)
			}
			s.policies(t, adminAccepts)
			s.attach(t)
			flows := s.openAll(t, subject)
			s.hold(t, "before", flows, func(*running) bool { return true })

			took := s.cutOff(t, subject)
			if t.Logf("cut off within %v", took); took > time.Second {
				t.Errorf("cut off: took %v, want less than a second", took)
			}
			s.counts(t, func() {
				s.hold(t, "cut off", flows, func(*running) bool { return false })
			}, s.quarantineCounters(t)...)
			for _, allowed := range []string{"b", "f", "x", "host"} {
				s.cutOff(t, subject, addressOf(allowed, false), addressOf(allowed, true))
				s.hold(t, "open to "+allowed, flows, func(f *running) bool {
					return f.from == allowed
				})
			}
			s.cutOff(t, subject, addressOf("b", true))
			s.hold(t, "open to b in IPv6", flows, func(f *running) bool {
				return f.from == "b" && f.six
			})
			s.release(t, subject)
			s.hold(t, "released", flows, func(*running) bool { return true })
		})
	}
}

// quarantineCounters are the counters of the four groups by which an endpoint in quarantine is
// judged.
func (s *site) quarantineCounters(t testing.TB) []string {
	t.Helper()
	var out []string
	for name := range s.refused(t) {
		if strings.HasSuffix(name, "-quarantine") {
			out = append(out, name)
		}
	}
	if len(out) != 4 {
		t.Errorf("counters with the reason quarantine: got %v, want four", out)
	}
	return out
}

// Discovery of neighbours goes on, and the neighbours of an endpoint in quarantine lose nothing.
func TestQuarantineIsNobodyElses(t *testing.T) {
	s := newSite(t)
	s.serveAll(t)
	s.attach(t)
	s.cutOff(t, "a", addressOf("b", false), addressOf("b", true))
	s.forgetNeighbours(t)
	s.reachBoth(t, "b", "a", nil) // by way of addresses that must be asked for
	for _, w := range []way{{"b", "c"}, {"b", "d"}, {"c", "e"}, {"e", "f"}, {"f", "x"}, {"x", "c"}} {
		s.reachBoth(t, w.from, w.to, nil)
	}
	if listing := s.Run(t, "nft", "list", "ruleset"); strings.Count(listing, "table") != 3 {
		t.Errorf("listing: got\n%s\nwant three tables", listing)
	}
}
