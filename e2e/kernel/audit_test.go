// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"maps"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// TestAudit opens connections that a policy in Audit would deny: they work, and the counter of
// the group that would deny them counts each once, and no other counter anything. Enforced, the
// same policy denies the same connections.
func TestAudit(t *testing.T) {
	for _, attached := range []string{"bridge", "ptp"} {
		t.Run("S0.10 what Audit counts and Enforce denies/"+attached, func(t *testing.T) {
			t.Parallel()
			n := newClauseNode(t, attached, false)
			for _, c := range auditCases {
				t.Run(c.name, func(t *testing.T) { n.audit(t, c) })
			}
		})
	}
}

func (n *node) audit(t *testing.T, c auditCase) {
	const connections = 3
	rows := readRow(t, c.name, c.flow+" -")
	set := load(t, c.in("Audit"))
	n.apply(t, set)
	before := n.groupCounters(t)
	want := maps.Clone(before)
	for _, r := range rows {
		if len(set.Evaluate(r.probe.Flow).WouldDeny) == 0 {
			t.Errorf("%s: law: got no would-be denial", r.probe)
		}
		for range connections {
			if err := n.run(r.probe, patience); err != nil {
				t.Errorf("%s in Audit: got %v, want it to pass", r.probe, err)
			}
		}
		want[n.counterOf(t, r.probe.Flow, c)] += connections
	}
	if got := n.groupCounters(t); !maps.Equal(got, want) {
		t.Errorf("counters: got %v, want %v, before %v", got, want, before)
	}
	set = load(t, c.in("Enforce"))
	n.apply(t, set)
	var probes []probe
	for _, r := range rows {
		if got := set.Evaluate(r.probe.Flow).Action; got == policy.Accept {
			t.Errorf("%s enforced: law: got %s, want a denial", r.probe, got)
		}
		probes = append(probes, r.probe)
	}
	check(t, "enforced", n.probeAll(set.Evaluate, probes))
}

// groupCounters are the packets that counters of groups have seen: refused and audited ones.
func (n *node) groupCounters(t testing.TB) map[nft.CounterKey]uint64 {
	t.Helper()
	counters, err := n.kernel.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[nft.CounterKey]uint64{}
	for key, count := range counters {
		if !strings.HasPrefix(key.Name, "drop-") && !strings.HasPrefix(key.Name, "overflow-") {
			out[key] = count.Packets
		}
	}
	return out
}

// counterOf is the counter of the group to which the dispatch map leads for the endpoint that
// is judged.
func (n *node) counterOf(t testing.TB, f policy.Flow, c auditCase) nft.CounterKey {
	t.Helper()
	judged := f.To
	if c.kind == "egress" || c.kind == "to-host" {
		judged = f.From
	}
	family := ruleset.IP
	if judged.Addr.Is6() {
		family = ruleset.IP6
	}
	return nft.CounterKey{Family: family,
		Name: n.groupOf(t, family, c.kind, judged) + "-" + c.reason}
}

func (n *node) groupOf(t testing.TB, f ruleset.Family, kind string, judged policy.Party) string {
	t.Helper()
	face, port := n.linkOf(judged)
	if face == "" {
		face = port
	}
	key := ruleset.Join(ruleset.Ifname(face), ruleset.Addr(judged.Addr))
	for _, table := range n.plain.Tables {
		for _, s := range table.Sets {
			if table.Family != f || s.Name != kind {
				continue
			}
			for _, e := range s.Elements {
				if e.Key == key {
					return e.Verdict.Chain
				}
			}
		}
	}
	t.Fatalf("map %s has no group for %s", kind, judged)
	return ""
}

// A packet is audited when it is judged: a flow counts once, however much it carries, and once
// more after each change that may forbid something.
func TestAuditCountsJudgements(t *testing.T) {
	for _, attached := range []string{"bridge", "ptp"} {
		t.Run("S0.10 audited when judged/"+attached, func(t *testing.T) {
			t.Parallel()
			n := newClauseNode(t, attached, false)
			c := auditCases[0]
			n.apply(t, load(t, c.in("Audit")))
			flows := n.openAll(t, "80", "shop/api shop/web")
			for i, more := range []string{"", unrelatedNamed("a"), unrelatedNamed("b")} {
				if more != "" {
					n.apply(t, load(t, c.in("Audit")+more))
				}
				for range 5 {
					echoAll(t, "in Audit", flows, nil, patience)
				}
				// In each family one flow of each protocol with ports.
				for _, f := range flows {
					key := n.counterOf(t, f.Flow, c)
					if got, want := n.groupCounters(t)[key], uint64(3*(i+1)); got != want {
						t.Errorf("%s, judged %d times: got %d packets, want %d", key.Family, i+1,
							got, want)
					}
				}
			}
		})
	}
}

func unrelatedNamed(name string) string { return strings.Replace(unrelated, "%s", name, 1) }

// Neither a rate that is exceeded nor a set that takes no more keys keeps an audited packet from
// being counted and going on.
func TestAuditNeverHoldsUp(t *testing.T) {
	n := newClauseNode(t, "bridge", false)
	c := auditCases[0]
	plain := n.compiled(load(t, c.in("Audit")))
	for i := range plain.Tables {
		for j := range plain.Tables[i].Sets {
			if s := &plain.Tables[i].Sets[j]; s.Name == "log-limit-audit" {
				s.Dynamic = &ruleset.Dynamic{Size: 1, Timeout: s.Dynamic.Timeout}
			}
		}
	}
	n.install(t, plain)
	const connections = 120 // more than burst and rate of the log
	for _, flow := range []string{c.flow, "shop/api shop/db tcp/80", "shop/db shop/api tcp/80"} {
		for _, r := range readRow(t, c.name, flow+" -") {
			key := n.counterOf(t, r.probe.Flow, c)
			before := n.groupCounters(t)[key]
			probes := make([]probe, connections)
			for i := range probes {
				probes[i] = r.probe
			}
			check(t, "in Audit", n.probeAll(accepts, probes))
			if got := n.groupCounters(t)[key] - before; got != connections {
				t.Errorf("%s: got %d packets counted, want %d", r.probe, got, connections)
			}
		}
	}
}
