// SPDX-License-Identifier: Apache-2.0

package ctl_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
	"github.com/bulkhead-net/bulkhead/policy"
)

// explained is what programs read of explain's JSON.
type explained struct {
	Agree       bool     `json:"agree"`
	Differences []string `json:"differences"`
	Notes       []string `json:"notes"`
	Law         struct {
		Decision struct {
			Action    string `json:"action"`
			Reason    string `json:"reason"`
			Logged    []string
			WouldDeny []struct {
				Policy    policy.Ref `json:"policy"`
				Direction string     `json:"direction"`
				Action    string     `json:"action"`
			} `json:"wouldDeny"`
		} `json:"decision"`
	} `json:"law"`
	Rules struct {
		Verdict string `json:"verdict"`
	} `json:"rules"`
	Kernel struct {
		AsDesired bool `json:"asDesired"`
		Counters  []struct {
			Name    string `json:"name"`
			Packets uint64 `json:"packets"`
			Counts  bool   `json:"counts"`
		} `json:"counters"`
	} `json:"kernel"`
}

func (s *site) explain(t *testing.T, line ...string) (explained, int) {
	t.Helper()
	r := s.run(t, append([]string{"explain", "-o", "json"}, line...)...)
	var x explained
	if err := json.Unmarshal([]byte(r.out), &x); err != nil {
		t.Fatalf("%v: %v in %q, %q", line, err, r.out, r.err)
	}
	return x, r.code
}

// counted is how many packets the counters of this flow have seen, and whether there are any.
func (x explained) counted() (packets uint64, found bool) {
	for _, c := range x.Kernel.Counters {
		if c.Counts {
			packets, found = packets+c.Packets, true
		}
	}
	return packets, found
}

// TestExplainIsWhatHappens compares what explain foretells with what a real packet meets, and
// wants the counter that it marks, and no other, to count it.
func TestExplainIsWhatHappens(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	s.boxes["db"].Serve(t, "tcp", 5432)
	s.boxes["db"].Serve(t, "udp", 5432)
	s.net.Serve(t, "tcp", 22)
	s.net.Serve(t, "tcp", 23)
	for _, tc := range []struct {
		from, to, proto, address string
		verdict                  string
		want                     error
	}{
		{"web", "shop/db", "tcp", "10.1.0.3:5432", "accept", nil},
		{"web", "fd00:1::3", "tcp", "[fd00:1::3]:5432", "accept", nil},
		{"web", "shop/db", "udp", "10.1.0.3:5432", "drop", testnet.ErrTimeout},
		{"batch", "shop/db", "tcp", "10.1.0.3:5432", "drop", testnet.ErrTimeout},
		{"web", "host", "tcp", "10.1.0.1:22", "reject", testnet.ErrRefused},
		{"web", "host", "tcp", "[fd00:1::1]:22", "reject", testnet.ErrRefused},
		{"web", "host", "tcp", "10.1.0.1:23", "accept", nil},
		{"batch", "10.1.0.1", "tcp", "10.1.0.1:22", "reject", testnet.ErrRefused},
	} {
		t.Run(tc.from+" "+tc.proto+" "+tc.address, func(t *testing.T) {
			to := netip.MustParseAddrPort(tc.address)
			line := []string{"shop/" + tc.from, tc.to, portOf(tc.address) + "/" + tc.proto}
			if to.Addr().Is6() {
				line = append(line, "-6")
			}
			before, code := s.explain(t, line...)
			if code != 0 || !before.Agree || !before.Kernel.AsDesired ||
				before.Rules.Verdict != tc.verdict {
				t.Fatalf("got %d, %+v, want agreement on %s", code, before, tc.verdict)
			}
			err := s.boxes[tc.from].Dial(tc.proto, tc.address, 0)
			if !errors.Is(err, tc.want) {
				t.Errorf("probe: got %v, want %v", err, tc.want)
			}
			after, _ := s.explain(t, line...)
			old, _ := before.counted()
			packets, counts := after.counted()
			if counts != (tc.want != nil) || packets > old != counts {
				t.Errorf("counter: got %d packets after %d, marked %t, want %t", packets, old, counts,
					tc.want != nil)
			}
		})
	}
}

// auditPolicies are the two sorts of Audit: what would isolate, and what stands in order.
const auditPolicies = `
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: batch, namespace: shop, annotations: {bulkhead.dev/mode: audit}}
spec:
  podSelector: {matchLabels: {app: batch}}
  policyTypes: [Egress]
---
apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: no-telnet}
spec:
  tier: Admin
  priority: 5
  mode: Audit
  subject: {namespaces: {}}
  egress:
  - action: Deny
    to: [{entity: Host}]
    protocols: [{tcp: {destinationPort: {number: 23}}}]
`

// isolatingAudit has the name of every endpoint in its answer.
const isolatingAudit = `
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop, annotations: {bulkhead.dev/mode: audit}}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
`

// TestExplainShowsAudits foretells what Audit policies would do, and wants one packet of a new
// connection, which works, on the counter that it marks.
func TestExplainShowsAudits(t *testing.T) {
	s := newSite(t)
	s.policies(t, sitePolicies+auditPolicies)
	s.attachAll(t)
	s.boxes["web"].Serve(t, "tcp", 80)
	s.net.Serve(t, "tcp", 23)
	s.net.Serve(t, "tcp", 24)
	for _, tc := range []struct {
		from, to, address string
		want              []string
	}{
		{"batch", "shop/web", "10.1.0.2:80", []string{"NetworkPolicy shop/batch egress Deny"}},
		{"batch", "host", "10.1.0.1:23", []string{"SegmentationPolicy no-telnet egress Deny"}},
		{"web", "host", "[fd00:1::1]:23", []string{"SegmentationPolicy no-telnet egress Deny"}},
		{"batch", "host", "10.1.0.1:24", nil},
	} {
		t.Run(tc.from+" "+tc.address, func(t *testing.T) {
			line := []string{"shop/" + tc.from, tc.to, portOf(tc.address) + "/tcp"}
			if strings.HasPrefix(tc.address, "[") {
				line = append(line, "-6")
			}
			before, code := s.explain(t, line...)
			if code != 0 || !before.Agree || before.Rules.Verdict != "accept" {
				t.Fatalf("got %d, %+v, want agreement on accept", code, before)
			}
			var got []string
			for _, a := range before.Law.Decision.WouldDeny {
				got = append(got, a.Policy.String()+" "+a.Direction+" "+a.Action)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("would deny: got %q want %q", got, tc.want)
			}
			if err := s.boxes[tc.from].Dial("tcp", tc.address, 0); err != nil {
				t.Errorf("probe: got %v, want it to pass", err)
			}
			old, _ := before.counted()
			after, _ := s.explain(t, line...)
			packets, _ := after.counted()
			if want := old + uint64(len(tc.want)); packets != want {
				t.Errorf("counter: got %d packets, want %d", packets, want)
			}
		})
	}
}

// recordingPolicy asks for records of what batch may reach.
const recordingPolicy = `
---
apiVersion: bulkhead.dev/v1alpha1
kind: SegmentationPolicy
metadata: {name: watch}
spec:
  tier: Admin
  priority: 5
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: batch}}}}
  egress:
  - {action: Accept, log: All, to: [{entity: Endpoints}]}
`

// TestExplainShowsRecords foretells that a connection leaves a record of being accepted, and wants
// it on the counter that it marks.
func TestExplainShowsRecords(t *testing.T) {
	s := newSite(t)
	s.policies(t, sitePolicies+recordingPolicy)
	s.attachAll(t)
	s.boxes["web"].Serve(t, "tcp", 80)
	line := []string{"shop/batch", "shop/web", "80/tcp"}
	before, code := s.explain(t, line...)
	if code != 0 || !before.Agree || !slices.Equal(before.Law.Decision.Logged, []string{"egress"}) {
		t.Fatalf("got %d, %+v, want agreement on a record of egress", code, before)
	}
	if err := s.boxes["batch"].Dial("tcp", "10.1.0.2:80", 0); err != nil {
		t.Errorf("probe: got %v, want it to pass", err)
	}
	old, _ := before.counted()
	after, _ := s.explain(t, line...)
	if packets, counts := after.counted(); packets != old+1 || !counts {
		t.Errorf("counter: got %d packets after %d, marked %t, want one more", packets, old, counts)
	}
}

func portOf(address string) string { return address[strings.LastIndex(address, ":")+1:] }

func TestExplainSaysWhereTheJudgesDiffer(t *testing.T) {
	for _, tc := range []struct {
		name, to string
		spoil    func(*testing.T, *site)
		verdict  string
		want     string
	}{
		{"bridge", "5432/tcp", func(t *testing.T, s *site) {
			s.net.Sysctl(t, "net/bridge/bridge-nf-call-iptables", "0")
			s.net.Run(t, "ip", "link", "set", "br0", "type", "bridge", "nf_call_iptables", "0",
				"nf_call_ip6tables", "0")
		}, "drop", "the law says Accept, so the rules should accept; they drop"},
		{"rule", "5432/tcp", func(t *testing.T, s *site) {
			s.net.Run(t, "nft", "flush", "chain", "ip", "bulkhead", "forward")
		}, "accept", "the kernel is not as desired"},
		{"tables", "5432/tcp", func(t *testing.T, s *site) { s.net.Run(t, "nft", "flush", "ruleset") },
			"accept", "the kernel is not as desired"},
		{"interface", "5432/tcp", func(t *testing.T, s *site) {
			s.net.Run(t, "ip", "link", "set", "veth-db", "nomaster")
		}, "accept", "shop/db is not enforced, closed: interface veth-db: found on bridge"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			s.attachAll(t)
			tc.spoil(t, s)
			x, code := s.explain(t, "shop/web", "shop/db", tc.to)
			all := strings.Join(x.Differences, "\n")
			if code != 1 || x.Agree || x.Rules.Verdict != tc.verdict || !strings.Contains(all, tc.want) {
				t.Errorf("got %d, %s, %q, want 1, %s and %q", code, x.Rules.Verdict, all, tc.verdict,
					tc.want)
			}
		})
	}
}

func TestExplainOfAConflict(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	late := s.attachment("batch")
	late.ContainerID, late.Endpoint.ID, late.Endpoint.Name = "late", "late/eth0", "late"
	late.Endpoint.Addresses = []netip.Addr{netip.MustParseAddr("10.1.0.3")}
	late.HostInterface, late.Created = "uplink", late.Created.AddDate(1, 0, 0)
	s.register(t, late)
	if r := s.run(t, "apply"); r.code != 1 || !strings.Contains(r.out, "late/eth0: not enforced") {
		t.Errorf("apply: got %d, %q, want the conflict", r.code, r.out)
	}
	r := s.run(t, "endpoints")
	if r.code != 1 || strings.Count(r.out, "not enforced") != 1 {
		t.Errorf("endpoints: got %d, %q, want one that is not enforced", r.code, r.out)
	}
	x, code := s.explain(t, "shop/late", "shop/web", "80/tcp")
	if code != 1 || !strings.Contains(strings.Join(x.Differences, "\n"), "held by another endpoint") {
		t.Errorf("explain: got %d, %q, want the conflict", code, x.Differences)
	}
}

func TestExplainInsideAContainer(t *testing.T) {
	s := newSite(t)
	s.attachAll(t)
	x, code := s.explain(t, "shop/db", "10.1.0.3", "1/tcp")
	if code != 0 || !x.Agree || x.Law.Decision.Action != "Accept" || len(x.Notes) != 1 {
		t.Errorf("got %d, %+v, want an accept that stays inside", code, x)
	}
}

func TestExplainUsage(t *testing.T) {
	s := newSite(t)
	for _, tc := range []struct {
		line []string
		code int
		want string
	}{
		{nil, 2, "found 0 arguments, wanted FROM, TO and PORT/PROTO"},
		{[]string{"a", "b"}, 2, "found 2 arguments"},
		{[]string{"a", "b", "80"}, 1, `no endpoint "a"`},
		{[]string{"a", "b", "80/tpc"}, 2, "accepted are 5432/tcp"},
		{[]string{"host", "host", "80/tcp"}, 1, "both sides are the node itself"},
	} {
		r := s.run(t, append([]string{"explain"}, tc.line...)...)
		if r.code != tc.code || r.out != "" || !strings.Contains(r.err, tc.want) {
			t.Errorf("%q: got %+v, want %d and %q", tc.line, r, tc.code, tc.want)
		}
	}
}
