// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"testing"
)

// load loads one file and expects no errors.
func load(t *testing.T, text string) *Set {
	t.Helper()
	set := Load([]File{{Name: "f.yaml", Data: []byte(text)}}, nil)
	if HasErrors(set.Problems) {
		t.Fatalf("got problems %v, want none", set.Problems)
	}
	return set
}

func onePolicy(t *testing.T, text string) *Policy {
	t.Helper()
	set := load(t, text)
	if len(set.Policies) != 1 {
		t.Fatalf("got %d policies, want 1", len(set.Policies))
	}
	return set.Policies[0]
}

func npDocument(spec string) string {
	return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n" +
		"metadata: {name: p, namespace: shop}\nspec: " + spec + "\n"
}

func cnpDocument(spec string) string {
	return "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n" +
		"metadata: {name: p}\nspec: " + spec + "\n"
}

func anpDocument(spec string) string {
	return "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\n" +
		"metadata: {name: p}\nspec: " + spec + "\n"
}

func TestDirectionsOfANetworkPolicy(t *testing.T) {
	cases := []struct {
		name, spec      string
		ingress, egress bool
	}{
		{"S1.2 empty policyTypes is ingress", `{podSelector: {}, policyTypes: []}`, true, false},
		{"S1.2 absent policyTypes is ingress", `{podSelector: {}}`, true, false},
		{"S1.2 absent policyTypes with egress rules is both",
			`{podSelector: {}, egress: [{}]}`, true, true},
		{"S1.2 absent policyTypes with an empty egress is ingress",
			`{podSelector: {}, egress: []}`, true, false},
		{"S1.2 null policyTypes is absent", `{podSelector: {}, policyTypes: }`, true, false},
		{"S1.2 policyTypes is taken as written",
			`{podSelector: {}, policyTypes: [Egress], ingress: [{}]}`, false, true},
		{"S0.11 a file without policyTypes is defaulted", `{egress: [{to: [{podSelector: {}}]}]}`,
			true, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := onePolicy(t, npDocument(c.spec))
			if p.Isolates[Ingress] != c.ingress || p.Isolates[Egress] != c.egress {
				t.Errorf("got ingress %t, egress %t, want %t, %t", p.Isolates[Ingress],
					p.Isolates[Egress], c.ingress, c.egress)
			}
		})
	}
}

// TestRulesInNormalForm compares the one rule of a document in each spelling.
func TestRulesInNormalForm(t *testing.T) {
	np := func(rule string) string { return npDocument(`{podSelector: {}, egress: [` + rule + `]}`) }
	cluster := func(rule string) string {
		return cnpDocument(`{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [` +
			rule + `]}`)
	}
	admin := func(rule string) string {
		return anpDocument(`{priority: 1, subject: {namespaces: {}}, egress: [` + rule + `]}`)
	}
	cases := []struct{ name, text, want string }{
		{"S1.2 nil protocol is TCP", np(`{ports: [{port: 80}]}`), "Accept [anybody] [tcp/80]"},
		{"S0.11 the file loader defaults the protocol", np(`{ports: [{endPort: 9, port: 8}]}`),
			"Accept [anybody] [tcp/8-9]"},
		{"S1.4 no peers and no ports is all", np(`{}`), "Accept [anybody] [anything]"},
		{"S1.4 empty peers and ports is all", np(`{to: [], ports: []}`),
			"Accept [anybody] [anything]"},
		{"S1.5 podSelector stays in the namespace", np(`{to: [{podSelector: {}}]}`),
			`Accept [pods {} in namespace "shop"] [anything]`},
		{"S1.5 namespaceSelector is all pods there",
			np(`{to: [{namespaceSelector: {matchLabels: {a: b}}}]}`),
			"Accept [pods {} in namespaces a=b] [anything]"},
		{"S1.5 both is AND",
			np(`{to: [{namespaceSelector: {}, podSelector: {matchLabels: {a: b}}}]}`),
			"Accept [pods a=b in namespaces {}] [anything]"},
		{"S1.5 two items are OR", np(`{to: [{namespaceSelector: {}}, {podSelector: {}}]}`),
			`Accept [pods {} in namespaces {}; pods {} in namespace "shop"] [anything]`},
		{"S1.6 except", np(`{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/9]}}]}`),
			"Accept [cidr 10.0.0.0/8 except 10.0.0.0/9] [anything]"},
		{"S1.7 nil port is the protocol", np(`{ports: [{protocol: UDP}]}`),
			"Accept [anybody] [udp]"},
		{"S1.7 a name keeps its protocol", np(`{ports: [{protocol: UDP, port: dns}]}`),
			`Accept [anybody] [udp/"dns"]`},
		{"S1.7 endPort may equal port", np(`{ports: [{port: 8, endPort: 8}]}`),
			"Accept [anybody] [tcp/8]"},
		{"S1.8 SCTP is SCTP", np(`{ports: [{protocol: SCTP, port: 80}]}`),
			"Accept [anybody] [sctp/80]"},
		{"S2.2 absent protocols is all", cluster(`{action: Deny, to: [{namespaces: {}}]}`),
			"Deny [pods {} in namespaces {}] [anything]"},
		{"S2.2 tcp without a port is all of TCP",
			cluster(`{action: Deny, to: [{namespaces: {}}], protocols: [{tcp: {}}]}`),
			"Deny [pods {} in namespaces {}] [tcp]"},
		{"S2.2 a named port has the protocol of its container port",
			cluster(`{action: Pass, to: [{namespaces: {}}],
			  protocols: [{destinationNamedPort: web}]}`),
			`Pass [pods {} in namespaces {}] [any/"web"]`},
		{"S2.2 pods without namespaceSelector is all namespaces",
			cluster(`{action: Accept, to: [{pods: {podSelector: {}}}]}`),
			"Accept [pods {} in namespaces {}] [anything]"},
		{"S2.4.a Accept with domainNames alone matches nothing",
			cluster(`{action: Accept, to: [{domainNames: [a.example]}]}`),
			"Accept [] [anything] CLOSED: domainNames is not enforced yet"},
		{"S2.4.a Accept keeps its other peers",
			cluster(`{action: Accept, to: [{nodes: {}}, {networks: [192.0.2.0/24]}]}`),
			"Accept [cidr 192.0.2.0/24] [anything]"},
		{"S2.4.b Deny with nodes denies everything",
			cluster(`{action: Deny, to: [{nodes: {}}], protocols: [{tcp: {}}]}`),
			"Deny [anybody] [anything] CLOSED: nodes is not enforced yet"},
		{"S2.4.b Pass with domainNames denies everything",
			cluster(`{action: Pass, to: [{namespaces: {}}, {domainNames: [a.example]}]}`),
			"Deny [anybody] [anything] CLOSED: domainNames is not enforced yet"},
		{"S0.3 an Accept that is not understood matches nothing",
			admin(`{action: Allow, to: [{nodes: {}}, {domainNames: [a.example]}]}`),
			"Accept [] [anything] CLOSED: nodes is not enforced yet, " +
				"domainNames is not enforced yet"},
		{"S2.5 Allow is Accept", admin(`{action: Allow, to: [{namespaces: {}}]}`),
			"Accept [pods {} in namespaces {}] [anything]"},
		{"S2.5 portNumber defaults to TCP", admin(`{action: Deny, to: [{networks: [::/0]}],
			  ports: [{portNumber: {port: 80}}]}`), "Deny [cidr ::/0] [tcp/80]"},
		{"S2.5 portRange of one port is that port", admin(`{action: Pass,
			  to: [{networks: [::/0]}], ports: [{portRange: {protocol: UDP, start: 9, end: 9}}]}`),
			"Pass [cidr ::/0] [udp/9]"},
		{"S2.5 namedPort", admin(`{action: Deny, to: [{namespaces: {}}],
			  ports: [{namedPort: web}]}`), `Deny [pods {} in namespaces {}] [any/"web"]`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := onePolicy(t, c.text)
			got := strings.TrimPrefix(ruleText(p, p.Rules[Egress][0]), "0 ")
			got = strings.Replace(got, " log Denied", "", 1)
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestTiersOfTheKinds(t *testing.T) {
	banp := "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\n" +
		"metadata: {name: default}\nspec: {subject: {namespaces: {}}}"
	cases := []struct {
		name, text string
		tier       Tier
		priority   int32
	}{
		{"S2.5 AdminNetworkPolicy keeps its priority",
			anpDocument(`{priority: 7, subject: {namespaces: {}}}`), AdminTier, 7},
		{"S2.5 BaselineAdminNetworkPolicy is Baseline", banp, BaselineTier, 0},
		{"S2.2 tier Baseline", cnpDocument(`{tier: Baseline, priority: 1000, subject: {namespaces: {}}}`),
			BaselineTier, 1000},
		{"S2.2 tier Admin", cnpDocument(`{tier: Admin, priority: 0, subject: {namespaces: {}}}`),
			AdminTier, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := onePolicy(t, c.text)
			if p.Tier != c.tier || p.Priority != c.priority {
				t.Errorf("got %s %d, want %s %d", p.Tier, p.Priority, c.tier, c.priority)
			}
		})
	}
}

// TestLimits keeps each list at its bound and pushes it one over.
func TestLimits(t *testing.T) {
	repeat := func(n int, item string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(item+", ", n), ", ") + "]"
	}
	var cidrs []string
	for i := range 26 {
		cidrs = append(cidrs, fmt.Sprintf("10.%d.0.0/16", i))
	}
	rule := `{action: Deny, from: [{namespaces: {}}]}`
	spec := func(ingress, egress string) string {
		return cnpDocument(`{tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: ` + ingress +
			`, egress: ` + egress + `}`)
	}
	networks := func(n int) string {
		return `[{action: Deny, to: [{networks: [` + strings.Join(cidrs[:n], ", ") + `]}]}]`
	}
	old := func(n int) string {
		return anpDocument(`{priority: 1, subject: {namespaces: {}}, ingress: ` + repeat(n, rule) + `}`)
	}
	cases := []struct {
		name, text string
		good       bool
	}{
		{"S2.2 25 rules", spec(repeat(25, rule), "[]"), true},
		{"S2.2 26 rules", spec(repeat(26, rule), "[]"), false},
		{"S2.2 25 networks", spec("[]", networks(25)), true},
		{"S2.2 26 networks", spec("[]", networks(26)), false},
		{"S2.5 100 rules", old(100), true},
		{"S2.5 101 rules", old(101), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			set := Load([]File{{Name: "f.yaml", Data: []byte(c.text)}}, nil)
			if got := !HasErrors(set.Problems); got != c.good {
				t.Errorf("got accepted %t, want %t: %v", got, c.good, set.Problems)
			}
		})
	}
}
