// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// Compile returns the ruleset that enforces the input, without epoch and generation (see
// Stamp), and the addresses that stay closed because two endpoints claim them.
func Compile(in Input) (*ruleset.Ruleset, []Conflict) {
	c := &compiler{
		config:    in.Config,
		policies:  in.Policies,
		endpoints: in.Endpoints,
		members:   newMembership(in.Policies, in.Endpoints),
		classes:   map[string]*class{},
		groups:    map[string]*group{},
	}
	c.settleAddresses()
	c.settleGroups()
	out := &ruleset.Ruleset{}
	for _, f := range []family{ipv4, ipv6} {
		out.Tables = append(out.Tables, c.ipTable(f))
	}
	out.Tables = append(out.Tables, c.bridgeTable())
	return out, c.conflicts
}

// compiler holds what one Compile works out once and uses many times.
type compiler struct {
	config    Config
	policies  *policy.Set
	endpoints []Endpoint
	members   *membership
	classes   map[string]*class // by key
	groups    map[string]*group // by id
	// owned are the addresses, by endpoint index, that the endpoint holds alone.
	owned     [][]netip.Addr
	conflicts []Conflict
	// judged are the groups of every endpoint; nil where nothing concerns it.
	judged [][kindCount]*group
}

// settleAddresses gives every address one holder. Shared addresses would share conntrack
// tuples and with them the epoch marks, so the later claim stays closed and is reported.
func (c *compiler) settleAddresses() {
	holder := map[netip.Addr]int{}
	claim := func(local bool) {
		for i, e := range c.endpoints {
			if (e.Local != nil) != local {
				continue
			}
			for _, a := range e.Addresses {
				if _, taken := holder[a]; !taken {
					holder[a] = i
				}
			}
		}
	}
	claim(true)
	claim(false)
	c.owned = make([][]netip.Addr, len(c.endpoints))
	for i, e := range c.endpoints {
		for _, a := range e.Addresses {
			if h := holder[a]; h == i {
				c.owned[i] = append(c.owned[i], a)
			} else {
				c.conflicts = append(c.conflicts,
					Conflict{Endpoint: e.Endpoint, Addr: a, Holder: c.endpoints[h].Endpoint})
			}
		}
	}
}

// settleGroups finds, for every endpoint of this node, the group that judges it in each kind
// of question.
func (c *compiler) settleGroups() {
	c.judged = make([][kindCount]*group, len(c.endpoints))
	for i, e := range c.endpoints {
		if e.Local == nil {
			continue
		}
		var mine []*policy.Policy
		for _, p := range c.policies.Policies {
			if c.policies.Selects(p, e.Endpoint) {
				mine = append(mine, p)
			}
		}
		for k := range kindCount {
			c.judged[i][k] = c.groupOf(k, mine, e.Endpoint)
		}
	}
}

func (c *compiler) groupOf(k kind, mine []*policy.Policy, e *policy.Endpoint) *group {
	var concerned []*policy.Policy
	for _, p := range mine {
		if concerns(p, k) {
			concerned = append(concerned, p)
		}
	}
	if len(concerned) == 0 {
		return nil
	}
	g := newGroup(k, concerned, e)
	if same := c.groups[g.id]; same != nil {
		return same
	}
	c.groups[g.id] = g
	return g
}

// sortedGroups lists the groups by id.
func (c *compiler) sortedGroups() []*group {
	var out []*group
	for _, g := range c.groups {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *group) int { return compareText(a.id, b.id) })
	return out
}

func compareText(a, b string) int { return strings.Compare(a, b) }
