// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/flow"
)

// Dimension is something that records can be grouped by.
type Dimension string

// The dimensions.
const (
	ByClient    Dimension = "client"
	ByServer    Dimension = "server"
	ByPolicy    Dimension = "policy"
	ByRule      Dimension = "rule"
	ByPort      Dimension = "port"
	ByReason    Dimension = "reason"
	ByDirection Dimension = "direction"
	ByNamespace Dimension = "namespace"
)

// Dimensions are all of them.
var Dimensions = []Dimension{ByClient, ByServer, ByPolicy, ByRule, ByPort, ByReason, ByDirection,
	ByNamespace}

// ParseDimension reads the name of a dimension.
func ParseDimension(text string) (Dimension, error) { return oneOf(text, Dimensions) }

// Group is the records that agree in the dimensions.
type Group struct {
	// Key has the value of each dimension, in their order.
	Key     []string `json:"key"`
	Records uint64   `json:"records"`
	Packets uint64   `json:"packets"`
	// First and Last are of the first and the last packet.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// Groups collects records by dimensions.
type Groups struct {
	by  []Dimension
	all map[string]*Group
}

// NewGroups groups by the dimensions.
func NewGroups(by []Dimension) *Groups { return &Groups{by, map[string]*Group{}} }

// Add counts a record. A record about several policies counts for them together: counted for each,
// the groups would add up to more packets than there were.
func (g *Groups) Add(r *flow.Record) {
	key := make([]string, len(g.by))
	for i, d := range g.by {
		key[i] = value(r, d)
	}
	joined := fmt.Sprintf("%q", key) // no name can pass for a separator
	one := g.all[joined]
	if one == nil {
		one = &Group{Key: key, First: r.Start, Last: r.End}
		g.all[joined] = one
	}
	one.Records++
	one.Packets += r.Packets
	if r.Start.Before(one.First) {
		one.First = r.Start
	}
	if r.End.After(one.Last) {
		one.Last = r.End
	}
}

// Sorted are the groups, those with the most packets first.
func (g *Groups) Sorted() []Group {
	out := []Group{}
	for _, one := range slices.Collect(maps.Values(g.all)) {
		out = append(out, *one)
	}
	slices.SortFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Packets, a.Packets), b.Last.Compare(a.Last),
			slices.Compare(a.Key, b.Key))
	})
	return out
}

// value is what a record has of a dimension, or "-".
func value(r *flow.Record, d Dimension) string {
	text := ""
	switch d {
	case ByClient:
		text = PartyText(&r.Client)
	case ByServer:
		text = PartyText(&r.Server)
	case ByPolicy:
		var names []string
		for _, ref := range Policies(r) {
			names = append(names, ref.String())
		}
		text = strings.Join(names, ", ")
	case ByRule:
		text = Cause(r)
	case ByPort:
		text = Service(r)
	case ByReason:
		text = string(r.Reason)
	case ByDirection:
		text = r.Direction.String()
	case ByNamespace:
		text = Subject(r).Namespace
	}
	if text == "" {
		return "-"
	}
	return text
}

// Subject is the end whose policies decided.
func Subject(r *flow.Record) *flow.Party {
	if Peer(r) == &r.Server {
		return &r.Client
	}
	return &r.Server
}
