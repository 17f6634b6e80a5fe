// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"fmt"
	"strings"
)

// OpsText is the transaction as "nft -f" reads it, one command a line.
func OpsText(ops []Op) string {
	var b strings.Builder
	for _, op := range ops {
		op.write(&b)
	}
	return b.String()
}

func (op Op) write(b *strings.Builder) {
	at := op.Family.String() + " " + TableName
	switch op.Kind {
	case AddTable:
		fmt.Fprintf(b, "add table %s\n", at)
	case DeleteTable:
		fmt.Fprintf(b, "delete table %s\n", at)
	case AddCounter:
		fmt.Fprintf(b, "add counter %s %s\n", at, op.Counter)
	case DeleteCounter:
		fmt.Fprintf(b, "delete counter %s %s\n", at, op.Counter)
	case AddSet, DeleteSet, AddElements, DeleteElements:
		op.writeSet(b, at)
	case AddChain, FlushChain, AddRules, DeleteChain:
		op.writeChain(b, at)
	}
}

func (op Op) writeSet(b *strings.Builder, at string) {
	s := op.Set
	switch op.Kind {
	case AddSet:
		fmt.Fprintf(b, "add %s %s %s { %s; }\n", s.keyword(), at, s.Name,
			strings.Join(s.attributes(), "; "))
	case DeleteSet:
		fmt.Fprintf(b, "delete %s %s %s\n", s.keyword(), at, s.Name)
	case AddElements:
		writeElements(b, "add", at, s, op.Elements, func(e Element) string { return e.Text(s) })
	case DeleteElements:
		writeElements(b, "delete", at, s, op.Elements, s.keyText)
	}
}

func writeElements(b *strings.Builder, verb, at string, s *Set, list []Element,
	text func(Element) string) {
	for i, e := range list {
		if i == 0 {
			fmt.Fprintf(b, "%s element %s %s { ", verb, at, s.Name)
		} else {
			b.WriteString(", ")
		}
		b.WriteString(text(e))
	}
	if len(list) > 0 {
		b.WriteString(" }\n")
	}
}

func (op Op) writeChain(b *strings.Builder, at string) {
	c := op.Chain
	switch op.Kind {
	case AddChain:
		fmt.Fprintf(b, "add chain %s %s", at, c.Name)
		if c.Base != nil {
			fmt.Fprintf(b, " { %s }", c.Base.text())
		}
		b.WriteString("\n")
	case FlushChain:
		fmt.Fprintf(b, "flush chain %s %s\n", at, c.Name)
	case DeleteChain:
		fmt.Fprintf(b, "delete chain %s %s\n", at, c.Name)
	case AddRules:
		for _, r := range c.Rules {
			fmt.Fprintf(b, "add rule %s %s %s\n", at, c.Name, r.line(op.Family))
		}
	}
}
