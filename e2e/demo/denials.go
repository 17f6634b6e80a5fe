// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/nft"
	"github.com/bulkhead-net/bulkhead/internal/node"
	"github.com/bulkhead-net/bulkhead/internal/ruleset"
	"github.com/bulkhead-net/bulkhead/policy"
)

// counters are the kernel's, with the comments of the rules that count.
type counters struct {
	counts   map[nft.CounterKey]nft.Count
	comments map[string]string
}

func readCounters(ctx context.Context) (c counters, err error) {
	n, err := node.OpenReadOnly(node.Options{StateDir: stateDir, PolicyDir: policyDir})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	if c.counts, err = n.Counters(ctx); err != nil {
		return c, err
	}
	desired, err := n.Desired()
	if err != nil {
		return c, err
	}
	c.comments = comments(desired)
	return c, nil
}

// label is a counter's name, and as much of its rule's comment as fits a line.
func (c counters) label(name string) string {
	const most = 50
	comment := c.comments[name]
	if len(comment) > most {
		comment = comment[:most] + "..."
	}
	return fmt.Sprintf("%-32s %s", name, comment)
}

// comments finds, for each counter, what the rule that refers to it says about itself.
func comments(r *ruleset.Ruleset) map[string]string {
	found := map[string]string{}
	for _, t := range r.Tables {
		for _, chain := range t.Chains {
			for _, rule := range chain.Rules {
				for _, s := range rule.Statements {
					if ref, ok := s.(ruleset.CounterRef); ok {
						found[ref.Name] = rule.Comment
					}
				}
			}
		}
	}
	return found
}

// tally is a number with what it counts.
type tally struct {
	n     int
	label string
}

func sorted(m map[string]int) []tally {
	var list []tally
	for label, n := range m {
		list = append(list, tally{n, label})
	}
	slices.SortFunc(list, func(a, b tally) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.label, b.label))
	})
	return list
}

// denials tells what the law says about the denied probes, and what the kernel counted. A
// denial that the kernel did not count would be somebody else's.
func (p *play) denials(ctx context.Context, m *matrix, before counters) error {
	denied := 0
	byPolicy := map[string]int{}
	for _, t := range m.all() {
		if t.decision.Action != policy.Accept {
			denied++
			byPolicy[blame(t.decision)]++
		}
	}
	for _, t := range sorted(byPolicy) {
		p.say("  %5d probes   %s", t.n, t.label)
	}
	after, err := readCounters(ctx)
	if err != nil {
		return err
	}
	packets := 0
	byRule := map[string]int{}
	for k, c := range after.counts {
		if n := int(c.Packets - before.counts[k].Packets); n > 0 {
			packets += n
			byRule[after.label(k.Name)] += n
		}
	}
	p.say("\n  What the kernel counted, by which rule of ours:")
	for _, t := range sorted(byRule) {
		p.say("  %5d packets  %s", t.n, t.label)
	}
	if packets < denied {
		return fmt.Errorf("the kernel counted %d packets for %d denied probes", packets, denied)
	}
	return nil
}

// blame names what denied: the rule, or every policy that isolates.
func blame(d policy.Decision) string {
	text := fmt.Sprintf("%s: ", d.Action)
	if d.Rule != nil {
		return text + d.Rule.String()
	}
	var names []string
	for _, r := range d.Isolating {
		names = append(names, r.String())
	}
	return text + d.Direction.String() + " default of " + strings.Join(names, ", ")
}
