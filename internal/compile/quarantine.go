// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// quarantineAction is what the last rule of a quarantine says. No document can say it, so no
// class of a policy is ever shared with one of a quarantine.
const quarantineAction policy.Action = "Quarantine"

// quarantined is the group that judges an endpoint in quarantine in place of its policies: it
// lets in whom the quarantine allows, and drops all else. Endpoints with one list of allowed
// blocks share it; what they send is dropped in one group, whatever the list.
func (c *compiler) quarantined(k kind, q *policy.Quarantine) *group {
	g := &group{kind: k}
	if k.direction() == policy.Ingress && len(q.AllowFrom) > 0 {
		g.quarantineRule(policy.Accept, &policy.Rule{Name: "allowed", Peers: allowedPeers(q)})
	}
	g.quarantineRule(quarantineAction, &policy.Rule{Name: "quarantine", AnyPeer: true})
	g.id = k.String() + "-" + shortHash(g.definition())
	if same := c.groups[g.id]; same != nil {
		return same
	}
	c.groups[g.id] = g
	return g
}

func (g *group) quarantineRule(action policy.Action, r *policy.Rule) {
	r.Index = len(g.rules)
	g.anyPort = append(g.anyPort, r.Index)
	g.rules = append(g.rules, resolved{rule: r, action: action, anyPort: true})
}

// allowedPeers are the allowed blocks in one order, whatever the order they were stated in.
func allowedPeers(q *policy.Quarantine) []policy.Peer {
	blocks := slices.Clone(q.AllowFrom)
	slices.SortFunc(blocks, netip.Prefix.Compare)
	var out []policy.Peer
	for _, p := range slices.Compact(blocks) {
		out = append(out, policy.Peer{CIDR: &policy.CIDR{Prefix: p}})
	}
	return out
}

// quarantineKey is what tells the groups of quarantines apart.
func quarantineKey(k kind, q *policy.Quarantine) string {
	return fmt.Sprintf("quarantine %s %v", k, q.AllowFrom)
}

// cutOffClients drops what endpoints in quarantine send to a published port, which is judged
// before they are. Without these rules it is dropped as well, as if the published endpoint did not
// accept it.
func (c *compiler) cutOffClients(e *emitter, chain string) []ruleset.Rule {
	set := "quarantined-" + chain
	for i, client := range c.endpoints {
		if client.Local == nil || client.Quarantine == nil {
			continue
		}
		for _, a := range c.owned[i] {
			if e.family.has(a) {
				e.set(set, ruleset.TypeIfname, e.family.address)
				e.member(set, ruleset.Ifname(client.Local.Interface()), ruleset.Addr(a))
			}
		}
	}
	if e.sets[set] == nil {
		return nil
	}
	return fromEither(set, goTo("drop-quarantine"))
}
