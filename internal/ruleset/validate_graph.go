// SPDX-License-Identifier: Apache-2.0

package ruleset

import "fmt"

// maxDepth is how many jumps and gotos may follow each other. The kernel refuses a chain at
// level NFT_JUMP_STACK_SIZE, and counts gotos like jumps (nft_chain_validate).
const maxDepth = 15

// node is what the search has learned of one chain.
type node struct {
	entered, done bool
	depth         int  // longest path of jumps below
	reject        bool // a reject can be reached
}

// graph searches the jumps and gotos of one table, through verdict maps as well.
type graph struct {
	ix    *index
	nodes map[string]*node
	maps  map[string]*node // the targets of a verdict map, taken together
}

// validateGraph refuses what the kernel refuses as a whole: loops, too deep jumps, and a reject
// that the postrouting hook can reach.
func (ix *index) validateGraph() error {
	g := graph{ix: ix, nodes: make(map[string]*node), maps: make(map[string]*node)}
	for i := range ix.table.Chains {
		c := &ix.table.Chains[i]
		n, err := g.chain(c)
		switch {
		case err != nil:
			return fmt.Errorf("chain %s: %w", c.Name, err)
		case c.Base == nil:
		case n.depth > maxDepth:
			return fmt.Errorf("chain %s: leads through %d jumps, more than %d", c.Name, n.depth,
				maxDepth)
		case n.reject && c.Base.Hook == Postrouting:
			return fmt.Errorf("chain %s: leads to a reject, which postrouting forbids", c.Name)
		}
	}
	return nil
}

func (g *graph) chain(c *Chain) (*node, error) {
	n := g.nodes[c.Name]
	if n == nil {
		n = &node{}
		g.nodes[c.Name] = n
	}
	if n.done {
		return n, nil
	}
	if n.entered {
		return nil, fmt.Errorf("chain %s leads to itself", c.Name)
	}
	n.entered = true
	for _, r := range c.Rules {
		for _, s := range r.Statements {
			if err := g.statement(n, s); err != nil {
				return nil, err
			}
		}
	}
	n.done = true
	return n, nil
}

func (g *graph) statement(n *node, s Statement) error {
	switch s := s.(type) {
	case RejectWith:
		n.reject = true
	case Verdict:
		return g.follow(n, s)
	case VerdictMap:
		m, err := g.verdictMap(s.Map)
		if err != nil {
			return err
		}
		n.depth = max(n.depth, m.depth)
		n.reject = n.reject || m.reject
	}
	return nil
}

func (g *graph) verdictMap(name string) (*node, error) {
	if m := g.maps[name]; m != nil {
		return m, nil
	}
	m := &node{}
	for _, e := range g.ix.sets[name].Elements {
		if err := g.follow(m, e.Verdict); err != nil {
			return nil, err
		}
	}
	g.maps[name] = m
	return m, nil
}

// follow adds to n what lies behind a verdict.
func (g *graph) follow(n *node, v Verdict) error {
	if v.Kind != JumpVerdict && v.Kind != GotoVerdict {
		return nil
	}
	target, err := g.chain(g.ix.chains[v.Chain])
	if err != nil {
		return err
	}
	n.depth = max(n.depth, target.depth+1)
	n.reject = n.reject || target.reject
	return nil
}
