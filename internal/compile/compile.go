// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// Compile returns the ruleset that enforces the input, without epoch and generation (see
// Stamp), and the addresses that stay closed because two endpoints claim them.
func Compile(in Input) (*ruleset.Ruleset, []Conflict) {
	r, _, conflicts := CompileGroups(in)
	return r, conflicts
}

// CompileGroups is Compile, and tells by which groups the endpoints of this node are judged, by
// their IDs.
func CompileGroups(in Input) (*ruleset.Ruleset, map[string]Groups, []Conflict) {
	c := &compiler{
		config:    in.Config,
		policies:  in.Policies,
		endpoints: in.Endpoints,
		members:   newMembership(in.Policies, in.Endpoints),
		classes:   map[string]*class{},
		groups:    map[string]*group{},
		cellCache: map[cellKey][]cell{},
		ports:     map[string]bool{},
	}
	for _, e := range in.Endpoints {
		if e.Local != nil && e.Local.Bridge != "" {
			c.ports[e.Local.Port] = true
		}
	}
	c.settleAddresses()
	c.settleGroups()
	return &ruleset.Ruleset{Tables: c.tables()}, c.groupsByID(), c.conflicts
}

// tables writes the tables beside each other: they read the same inputs, and what they work out
// on the way is their own.
func (c *compiler) tables() []ruleset.Table {
	out := make([]ruleset.Table, 3)
	done := make(chan struct{})
	for i, f := range []family{ipv4, ipv6} {
		fork := c.fork()
		go func() {
			out[i] = fork.ipTable(f)
			done <- struct{}{}
		}()
	}
	out[2] = c.bridgeTable()
	<-done
	<-done
	return out
}

// fork is a compiler of the same inputs with caches of its own.
func (c *compiler) fork() *compiler {
	fork := *c
	fork.members = c.members.fork()
	fork.classes, fork.cellCache = map[string]*class{}, map[cellKey][]cell{}
	return &fork
}

// compiler holds what one Compile works out once and uses many times.
type compiler struct {
	config    Config
	policies  *policy.Set
	endpoints []Endpoint
	members   *membership
	classes   map[string]*class // by key
	groups    map[string]*group // by id
	cellCache map[cellKey][]cell
	ports     map[string]bool // links that are ports of a bridge
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
	mine := make([][]int, len(c.endpoints)) // indexes of policies
	for number, p := range c.policies.Policies {
		for _, i := range c.members.subjects(p) {
			mine[i] = append(mine[i], number)
		}
	}
	c.judged = make([][kindCount]*group, len(c.endpoints))
	known := map[string]*group{}
	for i, e := range c.endpoints {
		if e.Local == nil {
			continue
		}
		for k := range kindCount {
			key := c.groupKey(k, mine[i], e.Endpoint)
			g, ok := known[key]
			switch {
			case ok:
			case e.Quarantine != nil:
				g = c.quarantined(k, e.Quarantine)
			default:
				g = c.groupOf(k, mine[i], e.Endpoint)
			}
			known[key], c.judged[i][k] = g, g
		}
	}
}

// groupKey is equal for endpoints of one group: the same policies, and the same ports under
// names. It is cheap, where the group's definition is not.
func (c *compiler) groupKey(k kind, mine []int, e *policy.Endpoint) string {
	if e.Quarantine != nil {
		return quarantineKey(k, e.Quarantine)
	}
	b := binary.AppendUvarint([]byte{byte(k)}, uint64(len(mine)))
	for _, number := range mine {
		b = binary.AppendUvarint(b, uint64(number))
	}
	for _, p := range e.Ports {
		b = fmt.Appendf(b, "%q %d %d,", p.Name, p.Protocol, p.Port)
	}
	return string(b)
}

func (c *compiler) groupOf(k kind, mine []int, e *policy.Endpoint) *group {
	var concerned []*policy.Policy
	for _, number := range mine {
		if p := c.policies.Policies[number]; concerns(p, k) {
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
