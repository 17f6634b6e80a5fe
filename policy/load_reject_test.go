// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
)

// TestRejections names, clause by clause, what may not be accepted. The full texts are in
// testdata/bad.
func TestRejections(t *testing.T) {
	np := func(rule string) string { return npDocument(`{podSelector: {}, ingress: [` + rule + `]}`) }
	cluster := func(spec string) string {
		return cnpDocument(`{tier: Admin, priority: 1, subject: {namespaces: {}}, ` + spec + `}`)
	}
	cases := []struct{ name, text, want string }{
		{"S1.5 ipBlock excludes the others",
			np(`{from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}`), "accepted ipBlock alone"},
		{"S1.5 at least one field", np(`{from: [{}]}`), "accepted at least one of"},
		{"S1.5 null is not a selector", np(`{from: [{podSelector: }]}`), "everything is {}"},
		{"S1.6 except equal to the block",
			np(`{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}`), "smaller than it"},
		{"S1.6 except outside the block",
			np(`{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}`), "inside 10.0.0.0/8"},
		{"S1.6 except of the other family",
			np(`{from: [{ipBlock: {cidr: "::/0", except: [10.0.0.0/8]}}]}`), "inside ::/0"},
		{"S1.7 endPort below port", np(`{ports: [{port: 9, endPort: 8}]}`), "not below port"},
		{"S1.7 endPort beside a name", np(`{ports: [{port: web, endPort: 8}]}`), "endPort"},
		{"S1.7 endPort alone", np(`{ports: [{endPort: 8}]}`), "endPort without port"},
		{"S1.8 sctp in small letters", np(`{ports: [{protocol: sctp}]}`), `did you mean "SCTP"?`},
		{"S2.2 two subjects", cnpDocument(`{tier: Admin, priority: 1,
			subject: {namespaces: {}, pods: {podSelector: {}}}}`), "exactly one of namespaces, pods"},
		{"S2.2 no subject", cnpDocument(`{tier: Admin, priority: 1}`), "spec.subject: found nothing"},
		{"S2.2 no tier", cnpDocument(`{priority: 1, subject: {namespaces: {}}}`), "spec.tier"},
		{"S2.2 no priority", cnpDocument(`{tier: Admin, subject: {namespaces: {}}}`), "spec.priority"},
		{"S2.2 priority 1001", cnpDocument(`{tier: Admin, priority: 1001,
			subject: {namespaces: {}}}`), "from 0 to 1000"},
		{"S2.2 no ingress networks",
			cluster(`ingress: [{action: Deny, from: [{networks: [10.0.0.0/8]}]}]`), "networks"},
		{"S2.2 no peers", cluster(`ingress: [{action: Deny, from: []}]`), "at least one"},
		{"S2.2 empty protocols",
			cluster(`ingress: [{action: Deny, from: [{namespaces: {}}], protocols: []}]`),
			"at least one"},
		{"S2.2 range of one port", cluster(`egress: [{action: Deny, to: [{namespaces: {}}],
			protocols: [{tcp: {destinationPort: {range: {start: 8, end: 8}}}}]}]`),
			"above start (8)"},
		{"S2.2 a namespace", strings.Replace(cluster(``), "name: p", "name: p, namespace: n", 1),
			"belongs to no namespace"},
		{"S2.4.a an unknown peer", cluster(`egress: [{action: Accept, to: [{services: {}}]}]`),
			"services: found an unknown field"},
		{"S2.4.b an unknown protocol", cluster(`egress: [{action: Deny, to: [{namespaces: {}}],
			protocols: [{quic: {}}]}]`), "quic: found an unknown field"},
		{"S2.5 Accept is the newer word", anpDocument(`{priority: 1, subject: {namespaces: {}},
			ingress: [{action: Accept, from: [{namespaces: {}}]}]}`), "one of Allow, Deny, Pass"},
		{"S0.4 an unknown field", npDocument(`{podSelector: {}, ingres: []}`), `"ingress"`},
		{"S0.4 an item that is null", np(`null`), "found null"},
		{"S0.4 a boolean for another reader",
			npDocument(`{podSelector: {matchLabels: {a: yes}}}`), `in quotes: "yes"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			set := Load([]File{{Name: "f.yaml", Data: []byte(c.text)}}, nil)
			errors := 0
			for _, p := range set.Problems {
				if p.Severity != SeverityError {
					continue
				}
				errors++
				if !strings.Contains(p.String(), c.want) {
					t.Errorf("got %s, want it to say %q", p, c.want)
				}
				if p.Position.Line == 0 || p.Position.Column == 0 {
					t.Errorf("got position %s, want a line and a column", p.Position)
				}
			}
			if errors != 1 {
				t.Errorf("got %d errors, want 1: %v", errors, set.Problems)
			}
			if n := accepts(set); n > 0 || len(set.Documents) > 0 {
				t.Errorf("got %d rules that accept and %d documents, want none", n,
					len(set.Documents))
			}
		})
	}
}
