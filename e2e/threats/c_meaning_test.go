// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// attachAs brings a container into force with what else is known of it.
func (s *site) attachAs(t testing.TB, name string, change func(*policy.Endpoint)) {
	t.Helper()
	a := s.attachment(name)
	change(&a.Endpoint)
	s.operate(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		return n.Attach(ctx, a)
	})
}

// named is a rule for the port "web" from everybody, at a container.
func named(name, direction, peer string) string {
	return strings.NewReplacer("NAME", name, "DIRECTION", direction, "PEER", peer).Replace(`
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: named-NAME, namespace: shop}
spec:
  podSelector: {matchLabels: {app: NAME}}
  policyTypes: [DIRECTION]
  PEER: [{ports: [{port: web}]}]
`)
}

// A named port is the destination's own: never that of another container, never the client's.
func TestThreat065(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ports := map[string]uint16{"a": 81, "b": 80, "d": 8080, "e": 80}
	for name, port := range ports {
		for _, listen := range []uint16{80, 81, 8080} {
			s.boxes[name].Serve(t, "tcp", listen)
		}
		s.attachAs(t, name, func(e *policy.Endpoint) {
			e.Ports = []policy.NamedPort{{Name: "web", Protocol: policy.ProtocolTCP, Port: port}}
		})
	}
	for what, text := range map[string]string{
		"ingress": named("b", "Ingress", "ingress") + named("d", "Ingress", "ingress") +
			named("e", "Ingress", "ingress"),
		"egress": named("a", "Egress", "egress"),
	} {
		t.Run(what, func(t *testing.T) {
			s.policies(t, text)
			s.apply(t)
			for _, to := range []string{"b", "d", "e"} {
				for _, port := range []uint16{80, 81, 8080} {
					want := error(testnet.ErrTimeout)
					if port == ports[to] {
						want = nil
					}
					s.reach(t, "a", portAt(to, port == 80, port).String(), want)
				}
			}
		})
	}
}

// cluster is a ClusterNetworkPolicy for a's egress with rules given as "action: network".
func cluster(name, tier string, priority int, rules ...string) string {
	text := fmt.Sprintf(`
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: %s}
spec:
  tier: %s
  priority: %d
  subject: {pods: {podSelector: {matchLabels: {app: a}}}}
  egress:
`, name, tier, priority)
	for _, r := range rules {
		action, network, _ := strings.Cut(r, " ")
		text += fmt.Sprintf("  - {action: %s, to: [{networks: [%q]}]}\n", action, network)
	}
	return text
}

// Wide and narrow blocks: the order that is documented decides, not their width.
func TestThreat067(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serveAll(t)
	s.attach(t)
	const wide, narrow = "10.0.0.0/8", "10.8.0.2/32"
	for _, tier := range []string{"Admin", "Baseline"} {
		for _, c := range []struct {
			text string
			want map[string]error
		}{
			{cluster("p", tier, 5, "Deny "+wide, "Accept "+narrow),
				map[string]error{"d": testnet.ErrTimeout, "e": testnet.ErrTimeout, "x": nil}},
			{cluster("p", tier, 5, "Accept "+narrow, "Deny "+wide),
				map[string]error{"d": nil, "e": testnet.ErrTimeout, "x": nil}},
			{cluster("p", tier, 5, "Accept "+wide, "Deny "+narrow),
				map[string]error{"d": nil, "e": nil}},
			{cluster("p", tier, 5, "Deny "+narrow, "Accept "+wide),
				map[string]error{"d": testnet.ErrTimeout, "e": nil}},
			{cluster("p", tier, 7, "Accept "+narrow) + cluster("o", tier, 6, "Deny "+wide),
				map[string]error{"d": testnet.ErrTimeout, "e": testnet.ErrTimeout}},
			{cluster("o", tier, 7, "Deny "+wide) + cluster("p", tier, 6, "Accept "+narrow),
				map[string]error{"d": nil, "e": testnet.ErrTimeout}},
		} {
			s.policies(t, c.text)
			s.apply(t)
			for to, want := range c.want {
				s.reach(t, "a", portAt(to, false, 80).String(), want)
			}
		}
	}
}

// blocks opens a's egress to many blocks, one rule for each.
func blocks(before string, list []string) string {
	var b strings.Builder
	b.WriteString(before + `
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: blocks, namespace: shop}
spec:
  podSelector: {matchLabels: {app: a}}
  policyTypes: [Egress]
  egress:
`)
	for _, c := range list {
		fmt.Fprintf(&b, "  - to: [{ipBlock: {cidr: \"%s\"}}]\n", c)
	}
	return b.String()
}

// Ten thousand rules, and priorities at both ends and equal ones, are judged in order.
func TestThreat068(t *testing.T) {
	s := newSite(t)
	s.serveAll(t)
	var list []string
	for i := range 12000 {
		list = append(list, fmt.Sprintf("172.%d.%d.%d/32", 16+i/5000, i/100%50, 2*(i%100)))
	}
	s.policies(t, blocks("", append(list, "10.8.0.2/32")))
	s.attach(t, "a", "d", "e")
	s.reach(t, "a", "10.8.0.2:80", nil)
	s.reach(t, "a", "10.2.0.2:80", testnet.ErrTimeout)
	for _, c := range []struct {
		name string
		text string
		want error
	}{
		{"lowest number first", cluster("z", "Admin", 0, "Accept 10.8.0.2/32") +
			cluster("a", "Admin", 1000, "Deny 10.8.0.2/32"), nil},
		{"and the other way", cluster("z", "Admin", 1000, "Accept 10.8.0.2/32") +
			cluster("a", "Admin", 0, "Deny 10.8.0.2/32"), testnet.ErrTimeout},
		{"equal: by name", cluster("b", "Admin", 9, "Deny 10.8.0.2/32") +
			cluster("a", "Admin", 9, "Accept 10.8.0.2/32"), nil},
		{"equal, other names", cluster("a", "Admin", 9, "Deny 10.8.0.2/32") +
			cluster("b", "Admin", 9, "Accept 10.8.0.2/32"), testnet.ErrTimeout},
		{"beyond the range", cluster("a", "Admin", 65536, "Accept 10.8.0.2/32"), testnet.ErrTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.policies(t, c.text)
			s.apply(t)
			s.reach(t, "a", "10.8.0.2:80", c.want)
		})
	}
}

// Spellings that two readers understand differently are refused with their place, and close what
// they were for.
func TestThreat070(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serveAll(t)
	s.attach(t, "a", "d")
	for _, bad := range []string{"010.0.0.0/8", "10.0.0.1/8", "::ffff:10.0.0.0/104", "10.0.0.0",
		"10.0.0.0/33", "10.0.0.0/-1", "0x0a000000/8", "10.0.0/8", "fd00::1/8", "::/129",
		"10.0.0.0/08", "fe80::%eth0/64", ""} {
		s.policies(t, blocks("", []string{"10.8.0.0/16", bad}))
		var problems []policy.Problem
		s.operate(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
			problems = n.Policies().Problems
			return n.Apply(ctx)
		})
		if text := fmt.Sprint(problems); !strings.Contains(text, "egress[1].to[0].ipBlock.cidr") {
			t.Errorf("%q: got %s, want a problem with its place", bad, text)
		}
		s.reach(t, "a", "10.8.0.2:80", testnet.ErrTimeout)
		s.policies(t, "")
		s.apply(t)
	}
	s.policies(t, blocks("", []string{"0.0.0.0/0"}))
	s.apply(t)
	s.reach(t, "a", "10.8.0.2:80", nil)
}

// One bad document among a hundred closes its own subjects; the others are in force.
func TestThreat071(t *testing.T) {
	s := newSite(t)
	s.serveAll(t)
	text := isolate("b") + admit("b", "a", "[{port: 80}]")
	for i := range 98 {
		text += strings.Replace(isolate("z"), "isolate-z", fmt.Sprint("other-", i), 1)
	}
	bad := strings.Replace(isolate("d"), "policyTypes: [Ingress, Egress]", "policyTypes: [Ingres]", 1)
	s.policies(t, bad+text)
	s.attach(t)
	s.reachBoth(t, "a", "b", nil)
	s.reachBoth(t, "c", "b", testnet.ErrTimeout)
	s.reachBoth(t, "a", "d", testnet.ErrTimeout)
	s.reachBoth(t, "a", "e", nil)
}

// The kernel holds what was meant, byte for byte: read back, nothing differs; and a changed byte
// is noticed.
func TestThreat073(t *testing.T) {
	s := newSite(t)
	s.attach(t)
	for _, text := range []string{"", segments + hostClosed, cluster("p", "Admin", 5,
		"Deny 10.0.0.0/8", "Pass fd00::/9", "Accept 0.0.0.0/0"), blocks(isolate("b"),
		[]string{"10.0.0.0/7", "192.0.2.128/25", "fd00:8::/33", "::/0"})} {
		s.policies(t, text)
		s.apply(t)
		s.operate(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
			drift, err := n.Verify(ctx)
			if len(drift) > 0 {
				t.Errorf("drift: %v", drift)
			}
			return node.Report{}, err
		})
	}
	s.Nft(t, "delete element ip bulkhead bind { \"br0\" . 10.1.0.3 }")
	s.Nft(t, "add element ip bulkhead bind { \"br0\" . 3.0.1.10 }")
	if r := s.apply(t); r.Rebuilt == "" {
		t.Errorf("a changed byte: got %+v, want a repair", r)
	}
}

// Labels that look like a namespace's, the node's or ours give a container nothing.
func TestThreat074(t *testing.T) {
	s := newSite(t)
	s.serveAll(t)
	s.policies(t, isolate("b")+strings.Replace(admit("b", "z", ""),
		"podSelector: {matchLabels: {app: z}}",
		"namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: prod}}", 1))
	forged := map[string]string{"app": "c", "kubernetes.io/metadata.name": "prod",
		"namespace": "prod", "io.kubernetes.pod.namespace": "prod", "bulkhead.dev/ports": "x=80/tcp",
		"com.docker.compose.project": "prod", "kubernetes.io/hostname": "node", "entity": "Host"}
	for _, name := range []string{"a", "b", "d"} {
		s.attach(t, name)
	}
	s.attachAs(t, "c", func(e *policy.Endpoint) { e.Labels = forged })
	s.reachBoth(t, "c", "b", testnet.ErrTimeout)
	s.attachAs(t, "a", func(e *policy.Endpoint) { e.Namespace = "prod" })
	s.reachBoth(t, "a", "b", nil)
}

// hostClosedIngress closes containers to the node, by a rule that no label of a container matches.
const hostClosedIngress = `
---
apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: node-only}
spec:
  tier: Baseline
  priority: 1
  subject: {pods: {podSelector: {matchLabels: {app: d}}}}
  ingress:
  - {action: Accept, from: [{entity: Host}]}
  - {action: Deny, from: [{entity: Endpoints}]}
`

// A rule for the node matches no container, whatever labels it carries, and the other way round.
func TestThreat076(t *testing.T) {
	s := newSite(t)
	s.serveAll(t)
	s.reachBoth(t, "c", "d", nil)
	s.policies(t, hostClosedIngress)
	s.attach(t)
	s.attachAs(t, "c", func(e *policy.Endpoint) {
		e.Labels = map[string]string{"app": "c", "kubernetes.io/hostname": "node", "entity": "Host"}
	})
	s.reachBoth(t, "c", "d", testnet.ErrTimeout)
	if err := s.Dial("tcp", "10.8.0.2:80", 0); err != nil {
		t.Errorf("the node to d: %v", err)
	}
}

// Before its identity is known a container is closed; afterwards it has what that gives it.
func TestThreat079(t *testing.T) {
	s := newSite(t)
	s.serveAll(t)
	s.manage(t, managed)
	s.policies(t, strings.Replace(isolate("b"), "{matchLabels: {app: b}}", "{}", 1)+openEgress+
		admit("b", "a", ""))
	s.attach(t, "a")
	s.reachBoth(t, "a", "b", testnet.ErrTimeout)
	s.attachAs(t, "b", func(e *policy.Endpoint) { e.Labels = nil })
	s.reachBoth(t, "a", "b", testnet.ErrTimeout)
	s.attach(t, "b")
	s.reachBoth(t, "a", "b", nil)
	s.operate(t, func(ctx context.Context, n *node.Node) (node.Report, error) {
		return n.Detach(ctx, func(a endpoint.Attachment) bool { return a.Endpoint.Name == "b" })
	})
	time.Sleep(promptly)
	s.reachBoth(t, "a", "b", testnet.ErrTimeout)
}
