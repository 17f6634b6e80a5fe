// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/compile"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
)

func isEndpoint(a endpoint.Attachment) func(endpoint.Attachment) bool {
	return func(b endpoint.Attachment) bool { return a.Endpoint.ID == b.Endpoint.ID }
}

// changes measures what a change of policy, or of one member's labels, costs on a large node:
// all of it, from reading the directory to the rename that records it.
func changes(ctx context.Context, g *rig, r *results) {
	const endpoints = 1000
	s := newSite(g, manyPolicies)
	s.populate(endpoints)
	name := fmt.Sprintf("%d endpoints, %d policies: ", endpoints, manyPolicies)
	var text, label []float64
	for i := range 60 {
		must(ctx.Err())
		s.writePolicy(7, 7+manyPolicies*(1+i%2))
		text = append(text, ms(s.with(func(ctx context.Context, n *node.Node) error {
			report, err := n.Apply(ctx)
			return changed(report, err)
		})))
		a := attachmentOf(13)
		a.Endpoint.Labels["caller"] = fmt.Sprintf("c%d", 20+i%2)
		label = append(label, ms(s.with(func(ctx context.Context, n *node.Node) error {
			report, err := n.Attach(ctx, a)
			return changed(report, err)
		})))
	}
	p50 := r.sample(name+"policy text changed, all of apply", "ms", text)
	r.sample(name+"one member's label changed, all of attach", "ms", label)
	r.atMost("5", name+"policy change, median", p50, 20, "ms",
		fmt.Sprintf("p99 %.1f ms", quantile(text, 0.99)))
	s.stays(ctx, r, name)
	memberChange(g, r, 2000)
}

// stays measures the same changes in one process that keeps the node: nothing is read that stands.
func (s *site) stays(ctx context.Context, r *results, name string) {
	n := need(node.Open(ctx, s.options))
	defer n.Close()
	var text, label []float64
	for i := range 60 {
		must(ctx.Err())
		s.writePolicy(7, 7+manyPolicies*(1+i%2))
		start := time.Now()
		must(n.Reload())
		report, err := n.Apply(ctx)
		text = append(text, ms(time.Since(start)))
		must(changed(report, err))
		a := attachmentOf(13)
		a.Endpoint.Labels["caller"] = fmt.Sprintf("c%d", 20+i%2)
		start = time.Now()
		report, err = n.Attach(ctx, a)
		label = append(label, ms(time.Since(start)))
		must(changed(report, err))
	}
	p50 := r.sample(name+"policy text changed, node kept open", "ms", text)
	r.sample(name+"one member's label changed, node kept open", "ms", label)
	r.atMost("5", name+"policy change, node kept open, median", p50, 20, "ms",
		fmt.Sprintf("p99 %.1f ms", quantile(text, 0.99)))
}

func changed(report node.Report, err error) error {
	if err == nil && (!report.Changed || report.Rebuilt != "") {
		return fmt.Errorf("got %+v, want a change and no rebuild", report)
	}
	return err
}

// memberChange is the steady state of a process that keeps everything in memory: a remote
// endpoint that many policies may name comes and goes.
func memberChange(g *rig, r *results, policies int) {
	s := newSite(g, policies)
	s.populate(250)
	c := newCommitter(g, s, 250)
	in := c.input
	in.Endpoints = append(append([]compile.Endpoint(nil), in.Endpoints...),
		remoteEndpoint(1, map[string]string{"caller": "c7"}))
	start := time.Now()
	c.with, _ = compile.Compile(in)
	whole := ms(time.Since(start))
	var apply []float64
	elements := 0
	for i := range 100 {
		to := c.with
		if i%2 == 1 {
			to = c.without
		}
		ops := c.plan(to)
		elements = countElements(ops)
		start := time.Now()
		must(c.kernel.Apply(background, ops))
		apply = append(apply, ms(time.Since(start)))
	}
	name := fmt.Sprintf("one member at %d policies", policies)
	p50 := r.sample(name+": commit", "ms", apply)
	r.sample(name+": ruleset.Diff, twice", "ms", c.diff)
	r.sample(name+": compile.Compile of everything", "ms", []float64{whole})
	r.atMost("5", name+", commit", p50, 0.3, "ms",
		fmt.Sprintf("%d elements in one transaction", elements))
}

func countElements(ops []ruleset.Op) int {
	n := 0
	for _, op := range ops {
		n += len(op.Elements)
	}
	return n
}
