// SPDX-License-Identifier: Apache-2.0

package policy

func in(namespace string) func(*Endpoint) bool {
	return func(e *Endpoint) bool { return e.Namespace == namespace }
}

func isPod(name string) func(*Endpoint) bool {
	return func(e *Endpoint) bool { return e.String() == name }
}

var inX, isXA = in("x"), isPod("x/a")

var reachCases = []reachCase{
	{"default-deny-ingress", []string{`{podSelector: {}, policyTypes: [Ingress]}`},
		func(_, to *Endpoint, _ uint16) bool { return !inX(to) }},
	{"default-deny-all", []string{`{podSelector: {}, policyTypes: [Ingress, Egress]}`},
		func(from, to *Endpoint, _ uint16) bool { return !inX(from) && !inX(to) }},
	{"allow from pods of a namespace", []string{`
  podSelector: {matchLabels: {pod: a}}
  ingress: [{from: [{namespaceSelector: {matchLabels: {ns: y}}}]}]`},
		func(from, to *Endpoint, _ uint16) bool { return !isXA(to) || in("y")(from) }},
	{"matchExpressions on namespaces", []string{`
  podSelector: {matchLabels: {pod: a}}
  ingress:
  - from:
    - namespaceSelector: {matchExpressions: [{key: ns, operator: NotIn, values: [x]}]}`},
		func(from, to *Endpoint, _ uint16) bool { return !isXA(to) || !inX(from) }},
	{"podSelector OR namespaceSelector", []string{`
  podSelector: {matchLabels: {pod: a}}
  ingress:
  - from: [{podSelector: {matchLabels: {pod: b}}}, {namespaceSelector: {matchLabels: {ns: z}}}]`},
		func(from, to *Endpoint, _ uint16) bool {
			return !isXA(to) || isPod("x/b")(from) || in("z")(from)
		}},
	{"podSelector AND namespaceSelector", []string{`
  podSelector: {matchLabels: {pod: a}}
  ingress:
  - from:
    - podSelector: {matchLabels: {pod: b}}
      namespaceSelector: {matchLabels: {ns: z}}`},
		func(from, to *Endpoint, _ uint16) bool { return !isXA(to) || isPod("z/b")(from) }},
	{"namespace by kubernetes.io/metadata.name", []string{`
  podSelector: {matchLabels: {pod: a}}
  ingress:
  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: z}}}]`},
		func(from, to *Endpoint, _ uint16) bool { return !isXA(to) || in("z")(from) }},
	{"port, and by selector", []string{`
  podSelector: {matchLabels: {pod: a}}
  ingress: [{ports: [{port: 81}], from: [{namespaceSelector: {matchLabels: {ns: y}}}]}]`},
		func(from, to *Endpoint, port uint16) bool {
			return !isXA(to) || in("y")(from) && port == 81
		}},
	{"stacked policies with overlapping podSelectors", []string{`
  podSelector: {matchLabels: {pod: a}}
  ingress: [{ports: [{port: 80}], from: [{namespaceSelector: {matchLabels: {ns: y}}}]}]`, `
  podSelector: {matchLabels: {pod: a}}
  ingress: [{ports: [{port: 81}], from: [{namespaceSelector: {matchLabels: {ns: y}}}]}]`},
		func(from, to *Endpoint, _ uint16) bool { return !isXA(to) || in("y")(from) }},
	{"named port on ingress", []string{`
  podSelector: {matchLabels: {pod: a}}
  ingress: [{ports: [{port: serve-81-tcp}]}]`},
		func(_, to *Endpoint, port uint16) bool { return !isXA(to) || port == 81 }},
	{"named port on egress", []string{`
  podSelector: {matchLabels: {pod: a}}
  policyTypes: [Egress]
  egress: [{ports: [{port: serve-80-tcp}]}]`},
		func(from, _ *Endpoint, port uint16) bool { return !isXA(from) || port == 80 }},
	{"a policy for UDP alone isolates", []string{`
  podSelector: {matchLabels: {pod: a}}
  ingress: [{ports: [{protocol: UDP, port: 80}]}]`},
		func(_, to *Endpoint, _ uint16) bool { return !isXA(to) }},
	{"endPort", []string{`
  podSelector: {matchLabels: {pod: a}}
  policyTypes: [Egress]
  egress: [{ports: [{port: 81, endPort: 90}]}]`},
		func(from, _ *Endpoint, port uint16) bool { return !isXA(from) || port == 81 }},
	{"egress to pods of another namespace", []string{`
  podSelector: {matchLabels: {pod: a}}
  policyTypes: [Egress]
  egress:
  - to:
    - podSelector: {matchLabels: {pod: b}}
      namespaceSelector: {matchLabels: {ns: y}}`},
		func(from, to *Endpoint, _ uint16) bool { return !isXA(from) || isPod("y/b")(to) }},
	{"except within a CIDR", []string{`
  podSelector: {matchLabels: {pod: a}}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: 10.3.1.0/24, except: [10.3.1.1/32]}}]}]`},
		func(from, to *Endpoint, _ uint16) bool {
			return !isXA(from) || in("y")(to) && !isPod("y/b")(to)
		}},
	{"overlapping both IPBlock.CIDR and IPBlock.Except is allowed", []string{`
  podSelector: {matchLabels: {pod: a}}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: 10.3.1.0/24, except: [10.3.1.1/32]}}]}]`, `
  podSelector: {matchLabels: {pod: a}}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: 10.3.1.1/32}}]}]`},
		func(from, to *Endpoint, _ uint16) bool { return !isXA(from) || in("y")(to) }},
	{"allow all wins over deny all", []string{
		`{podSelector: {}, policyTypes: [Ingress]}`, `{podSelector: {}, ingress: [{}]}`},
		func(_, _ *Endpoint, _ uint16) bool { return true }},
	{"an empty egress list denies", []string{
		`{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: []}`},
		func(from, _ *Endpoint, _ uint16) bool { return !isXA(from) }},
}
