// SPDX-License-Identifier: Apache-2.0

package suggest_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/suggest"
	"github.com/bulkhead-net/bulkhead/policy"
)

const shopYAML = `
apiVersion: v1
kind: Namespace
metadata: {name: pay}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: mute, namespace: pay}
spec: {podSelector: {matchLabels: {app: till}}, policyTypes: [Egress]}
---
apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: no-ssh}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  egress:
  - {name: ssh, action: Reject, to: [{namespaces: {}}],
     protocols: [{tcp: {destinationPort: {number: 22}}}]}
---
apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: no-smtp}
spec:
  tier: Baseline
  priority: 10
  subject: {namespaces: {}}
  egress:
  - {action: Deny, to: [{cidrs: [0.0.0.0/0]}],
     protocols: [{tcp: {destinationPort: {number: 25}}}]}
`

// shop is the world of the tests; every endpoint has the addresses 10.0.0.N and fd00::N.
func shop() map[string]*policy.Endpoint {
	out := map[string]*policy.Endpoint{}
	for i, e := range []policy.Endpoint{
		{Namespace: "shop", Name: "web-1", Labels: map[string]string{"app": "web", "release": "7",
			"pod-template-hash": "abc12"}},
		{Namespace: "shop", Name: "web-2", Labels: map[string]string{"app": "web", "release": "7",
			"pod-template-hash": "def34"}},
		{Namespace: "shop", Name: "db", Labels: map[string]string{
			"app.kubernetes.io/name": "db", "app": "store"}},
		{Namespace: "shop", Name: "cache", Labels: map[string]string{"app": "store", "kind": "cache"}},
		{Namespace: "shop", Name: "bare"},
		{Namespace: "pay", Name: "till", Labels: map[string]string{"app": "till"}},
		{Namespace: "pay", Name: "audit", Labels: map[string]string{"app": "audit"}},
		{Namespace: "pay", Name: "held", Labels: map[string]string{"app": "held"},
			Quarantine: &policy.Quarantine{}},
	} {
		e.ID, e.Interface = e.Name+"/eth0", "eth0"
		e.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 2)}),
			netip.AddrFrom16([16]byte{0xfd, 15: byte(i + 2)})}
		out[e.Name] = &e
	}
	return out
}

func party(endpoints map[string]*policy.Endpoint, name string) policy.Party {
	if e := endpoints[name]; e != nil {
		return policy.Party{Endpoint: e, Addr: e.Addresses[0]}
	}
	if name == "host" {
		return policy.Party{Host: true, Addr: netip.MustParseAddr("10.0.0.1")}
	}
	return policy.Party{Addr: netip.MustParseAddr(name)}
}

func load(t *testing.T, texts ...string) *policy.Set {
	t.Helper()
	s := policy.Load([]policy.File{{Name: "shop.yaml",
		Data: []byte(strings.Join(texts, "\n---\n"))}}, nil)
	if policy.HasErrors(s.Problems) {
		t.Fatalf("policies: %v", s.Problems)
	}
	return s
}

func list(endpoints map[string]*policy.Endpoint) []*policy.Endpoint {
	var out []*policy.Endpoint
	for _, e := range endpoints {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b *policy.Endpoint) int { return strings.Compare(a.ID, b.ID) })
	return out
}

const webToDB = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: allow-web-to-db-5432-tcp
  namespace: shop
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: db
  policyTypes:
    - Ingress
  ingress:
    - from:
        - podSelector:
            matchLabels:
              app: web
      ports:
        - protocol: TCP
          port: 5432
`

const tillOut = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: allow-till-to-shop-cache-53-udp-egress
  namespace: pay
spec:
  podSelector:
    matchLabels:
      app: till
  policyTypes:
    - Egress
  egress:
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: shop
          podSelector:
            matchLabels:
              kind: cache
      ports:
        - protocol: UDP
          port: 53
`

const tillIn = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: allow-pay-till-to-cache-53-udp
  namespace: shop
spec:
  podSelector:
    matchLabels:
      kind: cache
  policyTypes:
    - Ingress
  ingress:
    - from:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: pay
          podSelector:
            matchLabels:
              app: till
      ports:
        - protocol: UDP
          port: 53
`

const worldToWeb = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: allow-192-0-2-7-to-web-443-tcp
  namespace: shop
spec:
  podSelector:
    matchLabels:
      app: web
  policyTypes:
    - Ingress
  ingress:
    - from:
        - ipBlock:
            cidr: 192.0.2.7/32
      ports:
        - protocol: TCP
          port: 443
`

func TestTheSmallestChangeIsOneRuleForEachDirectionThatRefuses(t *testing.T) {
	endpoints := shop()
	for _, tc := range []struct {
		name, from, to string
		protocol       uint8
		port           uint16
		want           []string
		changes        string
		opens          []string
	}{
		{"the server refuses", "web-1", "db", 6, 5432, []string{webToDB},
			"lets app.kubernetes.io/name=db in namespace shop receive tcp/5432 from app=web in " +
				"namespace shop", []string{"tcp/5432 from shop/web-2 to shop/db"}},
		{"both refuse", "till", "cache", 17, 53, []string{tillOut, tillIn},
			"lets app=till in namespace pay send udp/53 to kind=cache in namespace shop", nil},
		{"the world", "192.0.2.7", "web-1", 6, 443, []string{worldToWeb},
			"lets app=web in namespace shop receive tcp/443 from 192.0.2.7",
			[]string{"tcp/443 from 192.0.2.7 to shop/web-2"}},
		{"nobody refuses", "audit", "192.0.2.7", 6, 443, nil, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set := load(t, shopYAML)
			f := policy.Flow{From: party(endpoints, tc.from), To: party(endpoints, tc.to),
				Protocol: tc.protocol, Port: tc.port}
			a := suggest.For(set, list(endpoints), f)
			if len(a.Obstacles) > 0 || a.Accepted() != (len(tc.want) == 0) ||
				len(a.Documents) != len(tc.want) {
				t.Fatalf("got %+v, want %d documents", a, len(tc.want))
			}
			texts := []string{shopYAML}
			for i, d := range a.Documents {
				texts = append(texts, d.YAML)
				if d.YAML != tc.want[i] {
					t.Errorf("got\n%s\nwant\n%s", d.YAML, tc.want[i])
				}
			}
			if len(a.Documents) > 0 && a.Documents[0].Changes != tc.changes {
				t.Errorf("got %q, want %q", a.Documents[0].Changes, tc.changes)
			}
			if !slices.Equal(a.Opens, append([]string{}, tc.opens...)) {
				t.Errorf("opens: got %q, want %q", a.Opens, tc.opens)
			}
			if got := load(t, texts...).Evaluate(f); got.Action != policy.Accept {
				t.Errorf("with the suggestion: got %s, want Accept", got.Why)
			}
		})
	}
}

func TestNoDocumentWhereNoneHelps(t *testing.T) {
	endpoints := shop()
	for _, tc := range []struct {
		name, from, to string
		protocol       uint8
		port           uint16
		rule           string // the policy whose rule is named
		want           []string
	}{
		{"an Admin rule", "audit", "till", 6, 22, "no-ssh", []string{
			"SegmentationPolicy no-ssh egress[0] \"ssh\" rejects tcp/22 to pay/till (shop.yaml:24)",
			"before every NetworkPolicy"}},
		{"a Baseline rule", "web-1", "192.0.2.7", 6, 25, "no-smtp", []string{
			"(shop.yaml:35)", "isolate shop/web-1"}},
		{"a quarantine", "till", "held", 6, 80, "", []string{"in quarantine",
			"before the quarantine ends"}},
		{"multicast", "web-1", "224.0.0.9", 17, 520, "", []string{"always dropped"}},
		{"a tunnel", "web-1", "192.0.2.7", 47, 0, "", []string{"allowEncapsulation"}},
		{"ICMP", "web-1", "db", 1, 0, "", []string{"cannot name icmp/0/0", "SegmentationPolicy"}},
		{"port 0", "web-1", "db", 6, 0, "", []string{"cannot name tcp/0"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := suggest.For(load(t, shopYAML), list(endpoints), policy.Flow{
				From: party(endpoints, tc.from), To: party(endpoints, tc.to), Protocol: tc.protocol,
				Port: tc.port})
			if len(a.Documents) > 0 || len(a.Obstacles) == 0 {
				t.Fatalf("got %+v, want obstacles alone", a)
			}
			var all string
			for _, o := range a.Obstacles {
				all += o.Why + "\n"
			}
			for _, want := range tc.want {
				if !strings.Contains(all, want) {
					t.Errorf("got %q, want %q in it", all, want)
				}
			}
			if rule := a.Obstacles[0].Rule; tc.rule != "" && (rule == nil || rule.Policy.Name != tc.rule) {
				t.Errorf("rule: got %v, want one of %s", rule, tc.rule)
			}
		})
	}
}

// TestABystanderIsNeverIsolated has an endpoint isolated whose labels another one has too, which
// is not: a policy that selects both would close the other one.
func TestABystanderIsNeverIsolated(t *testing.T) {
	const one = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: one, namespace: shop}
spec: {podSelector: {matchLabels: {statefulset.kubernetes.io/pod-name: db-0}}}
`
	for _, tc := range []struct {
		name   string
		labels map[string]string // of the isolated one, besides app=db
		want   string
	}{
		{"told apart by its own name", map[string]string{"statefulset.kubernetes.io/pod-name": "db-0"},
			"statefulset.kubernetes.io/pod-name: db-0"},
		{"not told apart", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			endpoints := map[string]*policy.Endpoint{}
			for i, name := range []string{"db-0", "db-1", "web"} {
				endpoints[name] = &policy.Endpoint{ID: name + "/eth0", Namespace: "shop", Name: name,
					Labels:    map[string]string{"app": strings.TrimRight(name, "-01")},
					Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})}}
			}
			set := load(t, one)
			for key, value := range tc.labels {
				endpoints["db-0"].Labels[key] = value
			}
			if tc.want == "" { // isolated by what a selector of NotIn excludes of db-1
				endpoints["db-1"].Labels["spare"] = "yes"
				set = load(t, strings.Replace(one,
					"{matchLabels: {statefulset.kubernetes.io/pod-name: db-0}}",
					"{matchExpressions: [{key: spare, operator: DoesNotExist}]}", 1))
			}
			f := policy.Flow{From: party(endpoints, "web"), To: party(endpoints, "db-0"), Protocol: 6,
				Port: 5432}
			a := suggest.For(set, list(endpoints), f)
			if tc.want == "" {
				if len(a.Documents) > 0 || len(a.Obstacles) != 1 ||
					!strings.Contains(a.Obstacles[0].Why, "NetworkPolicy shop/one (shop.yaml:2)") {
					t.Fatalf("got %+v, want an obstacle that names the isolating policy", a)
				}
				return
			}
			if len(a.Documents) != 1 || !strings.Contains(a.Documents[0].YAML, tc.want) {
				t.Errorf("got %+v, want a document with %q", a, tc.want)
			}
		})
	}
}

func TestARejectedDocumentIsNamed(t *testing.T) {
	endpoints := shop()
	set := policy.Load([]policy.File{{Name: "bad.yaml", Data: []byte(`
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec: {podSelector: {}, ingres: []}
`)}}, nil)
	a := suggest.For(set, list(endpoints), policy.Flow{From: party(endpoints, "web-1"),
		To: party(endpoints, "db"), Protocol: 6, Port: 80})
	if len(a.Documents) != 2 || len(a.Notes) != 1 ||
		!strings.Contains(a.Notes[0], "NetworkPolicy shop/db was rejected (bad.yaml:") {
		t.Errorf("got %+v, want a note about the rejected document", a)
	}
}
