// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-net/bulkhead/internal/randpolicy"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// fault is a mistake that a compiler could make: one in what it sees, or in what it writes.
type fault struct {
	name     string
	set      func(*policy.Set)
	policy   func(*policy.Policy)
	rule     func(*policy.Rule)
	endpoint func(*policy.Endpoint)
	ruleset  func(*ruleset.Ruleset)
}

var faults = []fault{
	{name: "except is ignored", rule: eachPeer(func(p *policy.Peer) {
		if p.CIDR != nil {
			p.CIDR = &policy.CIDR{Prefix: p.CIDR.Prefix}
		}
	})},
	{name: "Pass is taken for Accept", rule: func(r *policy.Rule) {
		if r.Action == policy.Pass {
			r.Action = policy.Accept
		}
	}},
	{name: "priorities are reversed", policy: func(p *policy.Policy) { p.Priority = -p.Priority }},
	{name: "endPort is ignored", rule: eachPort(func(p *policy.Port) {
		if p.First > 0 {
			p.Last = p.First
		}
	})},
	{name: "SCTP is taken for TCP", rule: eachPort(func(p *policy.Port) {
		if p.Protocol == policy.ProtocolSCTP {
			p.Protocol = policy.ProtocolTCP
		}
	})},
	{name: "namespaceSelector is ignored", rule: eachPeer(func(p *policy.Peer) {
		if p.Pods != nil && p.Pods.Namespace == "" {
			p.Pods = &policy.PodSelector{NamespaceSelector: policy.Everything(),
				Selector: p.Pods.Selector}
		}
	})},
	{name: "Baseline is skipped", policy: func(p *policy.Policy) {
		if p.Tier == policy.BaselineTier {
			p.Rules = [2][]policy.Rule{}
		}
	}},
	{name: "named ports are not resolved", rule: func(r *policy.Rule) {
		r.Ports = slices.DeleteFunc(slices.Clone(r.Ports),
			func(p policy.Port) bool { return p.Named != "" })
	}},
	{name: "World means everyone", rule: func(r *policy.Rule) {
		r.AnyPeer = r.AnyPeer || slices.ContainsFunc(r.Peers,
			func(p policy.Peer) bool { return p.Entity == policy.EntityWorld })
	}},
	{name: "egress isolation is ignored", policy: func(p *policy.Policy) {
		p.Isolates[policy.Egress] = false
	}},
	{name: "Reject is lost", policy: func(p *policy.Policy) { p.DenyAction = policy.Deny },
		rule: func(r *policy.Rule) {
			if r.Action == policy.Reject {
				r.Action = policy.Deny
			}
		}},
	{name: "quarantine is ignored", endpoint: func(e *policy.Endpoint) { e.Quarantine = nil }},
	{name: "quarantine lets nobody in", endpoint: func(e *policy.Endpoint) {
		if e.Quarantine != nil {
			e.Quarantine = &policy.Quarantine{}
		}
	}},
	{name: "quarantine lets in by half of a block", endpoint: halfABlock},
	{name: "quarantine is open to the own node", ruleset: openQuarantine},
	{name: "an element of an exact set is missing", ruleset: loseElement},
	{name: "an element of a dispatch map leads into the open", ruleset: openElement},
	{name: "a drop is an accept", ruleset: acceptDrop},
	{name: "a first packet counts as judged", ruleset: believeFirst},
	{name: "what is unanswered is judged again and again", ruleset: forgetUnanswered},
}

func eachPeer(change func(*policy.Peer)) func(*policy.Rule) {
	return func(r *policy.Rule) {
		r.Peers = slices.Clone(r.Peers)
		for i := range r.Peers {
			change(&r.Peers[i])
		}
	}
}

func eachPort(change func(*policy.Port)) func(*policy.Rule) {
	return func(r *policy.Rule) {
		r.Ports = slices.Clone(r.Ports)
		for i := range r.Ports {
			change(&r.Ports[i])
		}
	}
}

// seen is the set of policies as the faulty compiler sees it; the law keeps the true one.
func (f fault) seen(s *policy.Set) *policy.Set {
	out := *s
	out.Policies = nil
	for _, p := range s.Policies {
		changed := *p
		for d := range changed.Rules {
			changed.Rules[d] = slices.Clone(changed.Rules[d])
			for i := range changed.Rules[d] {
				if f.rule != nil {
					f.rule(&changed.Rules[d][i])
				}
			}
		}
		if f.policy != nil {
			f.policy(&changed)
		}
		out.Policies = append(out.Policies, &changed)
	}
	policy.SortPolicies(out.Policies)
	if f.set != nil {
		f.set(&out)
	}
	return &out
}

// seenEndpoints is the same for endpoints.
func (f fault) seenEndpoints(list []Endpoint) []Endpoint {
	if f.endpoint == nil {
		return list
	}
	var out []Endpoint
	for _, e := range list {
		changed := *e.Endpoint
		f.endpoint(&changed)
		out = append(out, Endpoint{Endpoint: &changed, Local: e.Local})
	}
	return out
}

// halfABlock takes every allowed block for its lower half.
func halfABlock(e *policy.Endpoint) {
	if e.Quarantine == nil {
		return
	}
	q := &policy.Quarantine{}
	for _, p := range e.Quarantine.AllowFrom {
		bits := min(p.Bits()+1, p.Addr().BitLen())
		q.AllowFrom = append(q.AllowFrom, netip.PrefixFrom(p.Addr(), bits))
	}
	e.Quarantine = q
}

// openQuarantine leads what the own node sends to an endpoint in quarantine into the open.
func openQuarantine(r *ruleset.Ruleset) {
	for i := range r.Tables {
		for _, c := range r.Tables[i].Chains {
			if strings.HasPrefix(c.Name, "deny-from-host-") && strings.HasSuffix(c.Name, "quarantine") {
				c.Rules[len(c.Rules)-1] = rule(goTo(fromHost.next()))
			}
		}
	}
}

// eachSet visits the sets of the IP tables whose name begins so, until visit returns true.
func eachSet(r *ruleset.Ruleset, prefix string, visit func(*ruleset.Set) bool) {
	for i := range r.Tables {
		sets := r.Tables[i].Sets
		for j := range sets {
			if strings.HasPrefix(sets[j].Name, prefix) && visit(&sets[j]) {
				break
			}
		}
	}
}

func loseElement(r *ruleset.Ruleset) {
	eachSet(r, "peers-", func(s *ruleset.Set) bool {
		if len(s.Elements) == 0 {
			return false
		}
		s.Elements = s.Elements[1:]
		return true
	})
}

func openElement(r *ruleset.Ruleset) {
	eachSet(r, ingress.String(), func(s *ruleset.Set) bool {
		if !s.Verdicts || len(s.Elements) == 0 {
			return false
		}
		s.Elements = slices.Clone(s.Elements)
		s.Elements[0].Verdict = goTo(ingress.next())
		return true
	})
}

// acceptDrop spoils the first refusal by a policy in each table.
func acceptDrop(r *ruleset.Ruleset) {
	for i := range r.Tables {
		for _, c := range r.Tables[i].Chains {
			last := len(c.Rules) - 1
			if !strings.HasPrefix(c.Name, "deny-") {
				continue
			}
			statements := c.Rules[last].Statements
			if statements[len(statements)-1] == ruleset.Statement(drop()) {
				statements[len(statements)-1] = accept()
				break
			}
		}
	}
}

// believeFirst lets a flow with a live mark go on before anybody has judged it.
func believeFirst(r *ruleset.Ruleset) {
	eachUnanswered(r, func(c *ruleset.Chain, i int) {
		c.Rules[i].Statements = slices.DeleteFunc(c.Rules[i].Statements,
			func(s ruleset.Statement) bool { _, ok := s.(ruleset.Confirmed); return ok })
	})
}

// forgetUnanswered takes away the way of flows that only one side speaks in.
func forgetUnanswered(r *ruleset.Ruleset) {
	eachUnanswered(r, func(c *ruleset.Chain, i int) { c.Rules = slices.Delete(c.Rules, i, i+1) })
}

func eachUnanswered(r *ruleset.Ruleset, spoil func(c *ruleset.Chain, i int)) {
	for i := range r.Tables {
		for j := range r.Tables[i].Chains {
			c := &r.Tables[i].Chains[j]
			at := slices.IndexFunc(c.Rules, func(rule ruleset.Rule) bool {
				return slices.ContainsFunc(rule.Statements, func(s ruleset.Statement) bool {
					_, ok := s.(ruleset.Confirmed)
					return ok
				})
			})
			if at >= 0 && !strings.HasPrefix(c.Name, "accept-") {
				spoil(c, at)
			}
		}
	}
}

// decisionsUntilCaught bounds how long a fault may hide.
const decisionsUntilCaught = 30000

// TestPlantedFaults makes the compiler wrong on purpose: Agree must notice each time, and
// must not notice anything when it is right.
func TestPlantedFaults(t *testing.T) {
	for _, f := range slices.Concat(faults, auditFaults, recordFaults) {
		t.Run(f.name, func(t *testing.T) {
			seed := rand.Uint64()
			after, report := f.caught(t, seed, decisionsUntilCaught)
			if report == "" {
				t.Fatalf("seed %d: not caught within %d decisions", seed, decisionsUntilCaught)
			}
			t.Logf("seed %d: caught by decision %d: %s", seed, after, firstLine(report))
		})
	}
	t.Run("no fault", func(t *testing.T) {
		seed := rand.Uint64()
		if after, report := (fault{}).caught(t, seed, 5000); report != "" {
			t.Errorf("seed %d: decision %d: %s", seed, after, report)
		}
	})
}

// caught returns the number of the first decision that disagrees, and how.
func (f fault) caught(t *testing.T, seed uint64, most int) (int, string) {
	t.Helper()
	dice := randpolicy.New(seed, 2)
	for done := 0; done < most; done += flowsPerSet {
		w := newWorld(dice)
		law := w.Policies
		w.Input.Policies, w.Input.Endpoints = f.seen(law), f.seenEndpoints(w.Input.Endpoints)
		b := newBench(t, w.Input, f.ruleset)
		for i := range flowsPerSet {
			if _, bad := b.disagreement(law, w.trip()); bad != "" {
				return done + i + 1, bad
			}
		}
	}
	return most, ""
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
