// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"strings"
	"testing"
)

func TestLintFindsUnreachableRules(t *testing.T) {
	anything := `{action: Deny, to: [{networks: [0.0.0.0/0]}]}`
	cases := []struct {
		name, first, second string
		found               bool
	}{
		{"the same rule", anything, anything, true},
		{"a narrower block", anything, `{action: Accept, to: [{networks: [10.0.0.0/8]}]}`, true},
		{"a wider block", `{action: Accept, to: [{networks: [10.0.0.0/8]}]}`, anything, false},
		{"another family", anything, `{action: Accept, to: [{networks: ["::/0"]}]}`, false},
		{"another peer of the same set", `{action: Pass, to: [{pods: {podSelector:
			{matchLabels: {a: b}}}}]}`, `{action: Deny, to: [{pods: {namespaceSelector:
			{matchLabels: {c: d}}, podSelector: {matchLabels: {a: b}}}}]}`, true},
		{"other labels", `{action: Pass, to: [{pods: {podSelector: {matchLabels: {a: b}}}}]}`,
			`{action: Deny, to: [{pods: {podSelector: {matchLabels: {a: c}}}}]}`, false},
		{"other namespaces", `{action: Pass, to: [{namespaces: {matchLabels: {a: b}}}]}`,
			`{action: Deny, to: [{namespaces: {matchLabels: {a: c}}}]}`, false},
		{"the same name", `{action: Deny, to: [{namespaces: {}}],
			protocols: [{destinationNamedPort: web}]}`, `{action: Pass, to: [{namespaces: {}}],
			protocols: [{destinationNamedPort: web}]}`, true},
		{"endpoints are not addresses", anything, `{action: Accept, to: [{namespaces: {}}]}`, false},
		{"narrower ports", anything,
			`{action: Accept, to: [{networks: [10.0.0.0/8]}], protocols: [{tcp: {}}]}`, true},
		{"wider ports", `{action: Deny, to: [{networks: [0.0.0.0/0]}], protocols: [{tcp: {}}]}`,
			anything, false},
		{"a port inside a range", `{action: Deny, to: [{namespaces: {}}],
			protocols: [{tcp: {destinationPort: {range: {start: 1, end: 99}}}}]}`,
			`{action: Deny, to: [{namespaces: {}}],
			protocols: [{tcp: {destinationPort: {number: 80}}}]}`, true},
		{"a port of another protocol", `{action: Deny, to: [{namespaces: {}}],
			protocols: [{tcp: {}}]}`, `{action: Deny, to: [{namespaces: {}}],
			protocols: [{udp: {destinationPort: {number: 80}}}]}`, false},
		{"a name is no number", `{action: Deny, to: [{namespaces: {}}],
			protocols: [{tcp: {}}]}`, `{action: Deny, to: [{namespaces: {}}],
			protocols: [{destinationNamedPort: web}]}`, false},
		{"every pod of every namespace", `{action: Pass, to: [{namespaces: {}}]}`,
			`{action: Deny, to: [{pods: {podSelector: {matchLabels: {a: b}}}}]}`, true},
		{"every pod of some namespaces", `{action: Pass, to: [{namespaces: {matchLabels: {a: b}}}]}`,
			`{action: Deny, to: [{pods: {namespaceSelector: {matchLabels: {a: b}},
			podSelector: {matchLabels: {c: d}}}}]}`, true},
		{"one peer of two is left", `{action: Pass, to: [{networks: [10.0.0.0/8]}]}`,
			`{action: Deny, to: [{networks: [10.1.0.0/16]}, {networks: [11.0.0.0/8]}]}`, false},
		{"a closed Deny hides the rest", `{action: Deny, to: [{nodes: {}}]}`,
			`{action: Accept, to: [{namespaces: {}}]}`, true},
		{"a closed Accept hides nothing", `{action: Accept, to: [{nodes: {}}]}`,
			`{action: Accept, to: [{namespaces: {}}]}`, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			set := load(t, cnpDocument(`{tier: Admin, priority: 1, subject: {namespaces: {}},
			  egress: [`+c.first+`, `+c.second+`]}`))
			got := linted(Lint(set, nil), "spec.egress[1]", "unreachable: spec.egress[0]")
			if got != c.found {
				t.Errorf("got found %t, want %t: %v", got, c.found, Lint(set, nil))
			}
		})
	}
}

func linted(problems []Problem, field, message string) bool {
	for _, p := range problems {
		if p.Severity == SeverityWarning && p.Field == field &&
			strings.Contains(p.Message, message) {
			return true
		}
	}
	return false
}

const lintWorld = `
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: a}
spec:
  tier: Admin
  priority: 5
  subject: {namespaces: {}}
  egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}]}]
---
apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: b}
spec:
  tier: Admin
  priority: 5
  subject: {pods: {namespaceSelector: {matchLabels: {env: prod}}, podSelector: {}}}
  egress: [{action: Accept, to: [{cidrs: [10.0.0.0/8]}, {cidrs: [11.0.0.0/8]}]}]
---
apiVersion: bulkhead.dev/v1alpha1
kind: Segment
metadata: {name: unused}
spec: {members: [{pods: {podSelector: {matchLabels: {no: body}}}}, {cidrs: [10.0.0.0/8]}]}
---
apiVersion: bulkhead.dev/v1alpha1
kind: Segment
metadata: {name: closed}
spec: {isolated: true, members: [{networks: [front]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: wbe}}
  ingress: [{from: [{podSelector: {matchLabels: {app: db}}}]}]
`

func TestLintOfAWorld(t *testing.T) {
	endpoint := &Endpoint{ID: "1", Namespace: "shop", Network: "front",
		Labels:    map[string]string{"app": "web"},
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.2")}}
	set := load(t, lintWorld)
	want := []string{
		`f.yaml:11:1: warning: SegmentationPolicy b: priority 5 in tier Admin is also that of ` +
			`ClusterNetworkPolicy a (f.yaml:2:1): kind and name decide which comes first`,
		`f.yaml:11:1: warning: SegmentationPolicy b: the subject matches no endpoint of this node`,
		`f.yaml:18:12: warning: SegmentationPolicy b: spec.egress[0]: unreachable: ` +
			`spec.egress[0] of ClusterNetworkPolicy a (f.yaml:9:12) comes first and matches all ` +
			`that this rule matches`,
		`f.yaml:20:1: warning: Segment unused: no policy names this Segment, and it is not isolated`,
		`f.yaml:20:1: warning: Segment unused: spec.members[0]: no endpoint of this node matches ` +
			`this member`,
		`f.yaml:30:1: warning: NetworkPolicy shop/web: metadata.namespace: there is no Namespace ` +
			`document for "shop", so it has no labels, and SegmentationPolicy b (f.yaml:11:1) ` +
			`asks for some`,
		`f.yaml:30:1: warning: NetworkPolicy shop/web: the subject matches no endpoint of this node`,
		`f.yaml:35:13: warning: NetworkPolicy shop/web: spec.ingress[0]: no endpoint of this node ` +
			`matches the peer: pods app=db in namespace "shop"`,
	}
	var got []string
	for _, p := range Lint(set, []*Endpoint{endpoint}) {
		got = append(got, p.String())
	}
	for i := range max(len(got), len(want)) {
		if line(got, i) != line(want, i) {
			t.Errorf("problem %d:\n got  %s\n want %s", i, line(got, i), line(want, i))
		}
	}
	for _, p := range Lint(set, nil) {
		if strings.Contains(p.Message, "endpoint of this node") {
			t.Errorf("got %v without endpoints, want nothing about matches", p)
		}
	}
}

func TestLintLeavesAuditAlone(t *testing.T) {
	audited := strings.Replace(lintWorld, "  priority: 5\n  subject: {pods",
		"  priority: 5\n  mode: Audit\n  subject: {pods", 1)
	for _, p := range Lint(load(t, audited), nil) {
		if p.Ref.Name == "b" {
			t.Errorf("got %v about a policy that counts as absent, want nothing", p)
		}
	}
}

func TestBlockCoversBlock(t *testing.T) {
	block := func(prefix string, except ...string) CIDR {
		c := CIDR{Prefix: netip.MustParsePrefix(prefix)}
		for _, x := range except {
			c.Except = append(c.Except, netip.MustParsePrefix(x))
		}
		return c
	}
	cases := []struct {
		name         string
		wide, narrow CIDR
		want         bool
	}{
		{"equal", block("10.0.0.0/8"), block("10.0.0.0/8"), true},
		{"equal exceptions", block("10.0.0.0/8", "10.1.0.0/16"),
			block("10.0.0.0/8", "10.1.0.0/16"), true},
		{"an exception of its own", block("10.0.0.0/8", "10.1.0.0/16"), block("10.0.0.0/8"), false},
		{"an exception elsewhere", block("10.0.0.0/8", "10.1.0.0/16"), block("10.2.0.0/16"), true},
		{"a wider exception", block("10.0.0.0/8", "10.1.0.0/16"),
			block("10.0.0.0/8", "10.0.0.0/9"), true},
		{"a narrower exception", block("10.0.0.0/8", "10.1.0.0/16"),
			block("10.0.0.0/8", "10.1.0.0/17"), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := coversBlock(c.wide, c.narrow); got != c.want {
				t.Errorf("got %t, want %t", got, c.want)
			}
		})
	}
}
