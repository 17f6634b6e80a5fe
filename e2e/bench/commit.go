// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// manyPolicies is how many policies a node has in the control plane's measurements.
const manyPolicies = 100

// commits measures what an endpoint's coming costs: the transaction beside one that adds a
// single element, and the whole of node.Attach.
func commits(ctx context.Context, g *rig, r *results) {
	for _, n := range []int{10, 250, 1000} {
		must(ctx.Err())
		must(guarded(func(g *rig) { commitsAt(g, r, n) }))
	}
}

func commitsAt(g *rig, r *results, endpoints int) {
	s := newSite(g, manyPolicies)
	s.populate(endpoints)
	name := fmt.Sprintf("%d endpoints, %d policies: ", endpoints, manyPolicies)
	var open, attach []float64
	for i := range 60 {
		a := attachmentOf(endpoints + i%5)
		var inner time.Duration
		whole := s.with(func(ctx context.Context, n *node.Node) error {
			start := time.Now()
			_, err := n.Attach(ctx, a)
			inner = time.Since(start)
			return err
		})
		attach = append(attach, ms(inner))
		open = append(open, ms(whole))
		s.with(func(ctx context.Context, n *node.Node) error {
			_, err := n.Detach(ctx, isEndpoint(a))
			return err
		})
	}
	r.sample(name+"node.Attach", "ms", attach)
	r.sample(name+"node.Open, Attach, Close", "ms", open)

	c := newCommitter(g, s, endpoints)
	for range 200 {
		c.pair()
	}
	r.sample(name+"compile.Compile", "ms", c.compile)
	r.sample(name+"ruleset.Diff", "ms", c.diff)
	bare := r.sample(name+"bare commit", "ms", c.bare)
	commit := r.sample(name+"endpoint commit", "ms", c.apply)
	rel := compare(c.apply, c.bare)
	r.atMost("4", fmt.Sprintf("endpoint commit / bare commit at %d endpoints", endpoints),
		rel.Median, 2, "x", fmt.Sprintf("95 %% %.2f-%.2f; %.3f ms to %.3f ms", rel.Low, rel.High,
			commit, bare))
	r.atMost("4", fmt.Sprintf("endpoint commit at %d endpoints", endpoints), commit, 2, "ms", "")
}

// committer sends transactions without a node, so that nothing but them is measured.
type committer struct {
	kernel        *nft.Kernel
	with, without *ruleset.Ruleset
	installed     *ruleset.Ruleset
	stamp         compile.Stamp
	input         compile.Input

	bare, apply, diff, compile []float64
}

func newCommitter(g *rig, s *site, endpoints int) *committer {
	in := s.input()
	c := &committer{stamp: compile.Stamp{Generation: 1, Epoch: 1}, input: in}
	c.without, _ = compile.Compile(in)
	c.with, _ = compile.Compile(withEndpoint(in, endpoints))
	other := newSite(g, 0).net
	c.installed = installRuleset(g, other.FD(), c.without)
	c.kernel = need(nft.Open(nft.Options{NetNS: other.FD()}))
	g.Cleanup(func() { c.kernel.Close() })
	return c
}

// pair adds an endpoint, in the transaction that a node would send, and beside it a single
// element; and takes both back.
func (c *committer) pair() {
	start := time.Now()
	c.with, _ = compile.Compile(withEndpoint(c.input, len(c.input.Endpoints)))
	c.compile = append(c.compile, ms(time.Since(start)))
	c.apply = append(c.apply, c.move(c.with))
	element := []ruleset.Element{{Key: ruleset.Ifname("bench0")}}
	set := &ruleset.Set{Name: "interfaces", Types: []ruleset.Type{ruleset.TypeIfname}}
	start = time.Now()
	must(c.kernel.Apply(background, []ruleset.Op{
		{Kind: ruleset.AddElements, Set: set, Elements: element}}))
	c.bare = append(c.bare, ms(time.Since(start)))
	must(c.kernel.Apply(background, []ruleset.Op{
		{Kind: ruleset.DeleteElements, Set: set, Elements: element}}))
	c.move(c.without)
}

// move leads from what is installed to another ruleset, with a flip where it narrows, and
// returns the time of the commit.
func (c *committer) move(to *ruleset.Ruleset) float64 {
	ops := c.plan(to)
	start := time.Now()
	must(c.kernel.Apply(background, ops))
	return ms(time.Since(start))
}

func (c *committer) plan(to *ruleset.Ruleset) []ruleset.Op {
	config := compile.DefaultConfig()
	start := time.Now()
	to = to.Shared(c.installed)
	if compile.Narrows(ruleset.Diff(c.installed, config.Stamped(to, c.stamp))) {
		c.stamp.Epoch++
	}
	c.stamp.Generation++
	next := config.Stamped(to, c.stamp)
	ops := ruleset.Diff(c.installed, next)
	c.diff = append(c.diff, ms(time.Since(start)))
	c.installed = next
	return ops
}
