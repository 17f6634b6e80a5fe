// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// openFlow is a flow that has been let through once and stays open.
type openFlow struct {
	probe
	conn  *testnet.Conn
	local netip.AddrPort
}

// openAll opens a flow for every "from to", in every protocol with ports and both families.
func (n *node) openAll(t testing.TB, port string, pairs ...string) []*openFlow {
	t.Helper()
	var out []*openFlow
	for _, pair := range pairs {
		for _, protocol := range []string{"tcp", "udp", "sctp"} {
			for _, r := range readRow(t, pair, fmt.Sprint(pair, " ", protocol, "/", port, " -")) {
				out = append(out, n.openFlow(t, r.probe))
			}
		}
	}
	return out
}

func (n *node) openFlow(t testing.TB, p probe) *openFlow {
	t.Helper()
	f := &openFlow{probe: p, local: netip.AddrPortFrom(p.From.Addr, localPort())}
	var err error
	f.conn, err = n.namespaceOf(p.From).Open(portWords[p.Protocol], f.local.String(),
		netip.AddrPortFrom(p.To.Addr, p.Port).String(), patience)
	if err != nil {
		t.Fatalf("%s: %v", p, err)
	}
	t.Cleanup(f.conn.Close)
	return f
}

// echoAll sends a line over every flow, all at once, and checks how that ends.
func echoAll(t testing.TB, when string, flows []*openFlow, want error, timeout time.Duration) {
	t.Helper()
	var all sync.WaitGroup
	for _, f := range flows {
		all.Go(func() {
			if got := f.conn.Echo(timeout); !errors.Is(got, want) {
				t.Errorf("%s: %s: got %v, want %v", when, f.probe, got, want)
			}
		})
	}
	all.Wait()
}

// replies sends a packet of each flow from the server's side and tells which reached the
// client's link: the other direction, without the client saying a word.
func (n *node) replies(t testing.TB, flows []*openFlow, timeout time.Duration) int {
	t.Helper()
	arrived := 0
	for _, f := range flows {
		if f.Protocol == policy.ProtocolSCTP || f.From.Host || f.To.Host {
			continue
		}
		from, to := n.namespaceOf(f.To), n.namespaceOf(f.From)
		capture := to.Sniff(t, "eth0")
		mark := fmt.Appendf(nil, "reply %d", localPorts.Add(1))
		server := netip.AddrPortFrom(f.To.Addr, f.Port)
		packet := testnet.UDP(server, f.local, mark)
		if f.Protocol == policy.ProtocolTCP {
			packet = testnet.TCP(server, f.local, testnet.ACK|testnet.PSH, 1, 1, mark)
		}
		from.SendRaw(t, "eth0", testnet.IPFrame(n.nextHop(t, f.To, f.From),
			from.MAC(t, "eth0"), packet))
		if _, ok := capture.Wait(func(frame []byte) bool {
			return bytes.Contains(frame, mark)
		}, timeout); ok {
			arrived++
		}
	}
	return arrived
}

// nextHop is the hardware address that a packet goes to: the neighbour's own on one bridge,
// the node's otherwise.
func (n *node) nextHop(t testing.TB, from, to policy.Party) net.HardwareAddr {
	t.Helper()
	bridge, port := n.linkOf(from)
	if there, _ := n.linkOf(to); bridge != "" && bridge == there {
		return n.namespaceOf(to).MAC(t, "eth0")
	}
	if bridge != "" {
		return n.MAC(t, bridge)
	}
	return n.MAC(t, port)
}

func (n *node) linkOf(p policy.Party) (bridge, port string) {
	for _, e := range n.endpoints {
		if e.Endpoint == p.Endpoint && e.Local != nil {
			return e.Local.Bridge, e.Local.Port
		}
	}
	return "", "eth0"
}

const tightened = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]
---
apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: admin}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  egress:
  - {action: Deny, to: [{cidrs: [192.0.2.0/24, "2001:db8::/64"]}]}
---
apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: host}
spec:
  tier: Admin
  priority: 20
  subject: {pods: {podSelector: {matchExpressions: [{key: app, operator: In, values: [web, db]}]}}}
  egress: [{action: Deny, to: [{entity: Host}]}]
  ingress: [{action: Deny, from: [{entity: Host}]}]
`

const unrelated = `
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: %s, namespace: pay}
spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress],
  ingress: [{ports: [{port: 80}]}]}
`

// S0.8: tightening cuts the established flows that it forbids, in both directions and for
// good, and leaves the others alone.
func TestTightening(t *testing.T) {
	for _, attached := range []string{"bridge", "ptp"} {
		t.Run("S0.8 tightening cuts what it forbids/"+attached, func(t *testing.T) {
			t.Parallel()
			n := newClauseNode(t, attached, false)
			// The forged replies know no sequence numbers.
			n.Sysctl(t, "net/netfilter/nf_conntrack_tcp_be_liberal", "1")
			n.apply(t, load(t, namespaceDocuments))
			cut := n.openAll(t, "80", "shop/web shop/db", "world shop/db", "pay/db shop/db",
				"shop/web world", "shop/db host", "host shop/web")
			kept := n.openAll(t, "80", "shop/api shop/db", "shop/web world2", "shop/api host",
				"host shop/api", "shop/web shop/api", "pay/db pay/api")
			echoAll(t, "before", slices.Concat(cut, kept), nil, patience)
			if got := n.replies(t, cut, patience); got != 16 {
				t.Errorf("before: got %d replies, want all 16", got)
			}
			n.tighten(t, cut, kept)
			n.apply(t, load(t, namespaceDocuments))
			// They were cut by the rules, and not broken: as soon as they may, they go on.
			echoAll(t, "allowed again", slices.Concat(cut, kept), nil, 10*time.Second)
		})
	}
}

// tighten applies the narrower policies, then others that have nothing to do with the flows.
func (n *node) tighten(t *testing.T, cut, kept []*openFlow) {
	t.Helper()
	n.apply(t, load(t, namespaceDocuments+"\n---\n"+tightened))
	echoAll(t, "tightened", kept, nil, patience)
	echoAll(t, "tightened", cut, testnet.ErrTimeout, silence)
	if got := n.replies(t, cut, silence/2); got != 0 {
		t.Errorf("tightened: got %d replies through, want none", got)
	}
	for _, name := range []string{"", "a", "b"} {
		documents := namespaceDocuments + "\n---\n" + tightened
		if name != "" {
			documents += fmt.Sprintf(unrelated, name)
		}
		n.apply(t, load(t, documents))
		echoAll(t, "revived by "+name, cut, testnet.ErrTimeout, silence)
		echoAll(t, "still allowed with "+name, kept, nil, patience)
	}
}

// S1.14: a change of labels is a change of policy, for flows that run as well.
func TestRelabelling(t *testing.T) {
	for _, attached := range []string{"bridge", "ptp"} {
		t.Run("S1.14 established flows follow a change of labels/"+attached, func(t *testing.T) {
			t.Parallel()
			n := newClauseNode(t, attached, true)
			set := load(t, namespaceDocuments+"\n---\n"+tightened)
			n.Sysctl(t, "net/netfilter/nf_conntrack_tcp_be_liberal", "1")
			n.apply(t, set)
			cut := n.openAll(t, "80", "shop/api shop/db")
			kept := n.openAll(t, "80", "shop/web shop/api", "shop/api world2")
			echoAll(t, "before", slices.Concat(cut, kept), nil, patience)
			if got := n.replies(t, cut, patience); got != 4 {
				t.Errorf("before: got %d replies, want all 4", got)
			}
			n.relabel("shop/api", "app", "other")
			n.apply(t, set)
			echoAll(t, "relabelled", kept, nil, patience)
			echoAll(t, "relabelled", cut, testnet.ErrTimeout, silence)
			if got := n.replies(t, cut, silence/2); got != 0 {
				t.Errorf("relabelled: got %d replies through, want none", got)
			}
		})
	}
}

// relabel gives the endpoint of that name another label, as a new value: the old one may be
// part of rules.
func (n *node) relabel(name, key, value string) {
	for i, e := range n.endpoints {
		if e.Namespace+"/"+e.Name == name {
			changed := *e.Endpoint
			changed.Labels = maps.Clone(e.Labels)
			changed.Labels[key] = value
			n.endpoints[i].Endpoint = &changed
		}
	}
}
