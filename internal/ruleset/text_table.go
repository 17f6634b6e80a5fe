// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"fmt"
	"strings"
)

// String is the ruleset as "nft -f" reads it, with Debian's nft 1.0.6 or later. Loading it adds
// to what the tables hold already; it deletes nothing.
func (r *Ruleset) String() string {
	var b strings.Builder
	for i := range r.Tables {
		r.Tables[i].write(&b)
	}
	return b.String()
}

// String is the table as "nft -f" reads it.
func (t *Table) String() string {
	var b strings.Builder
	t.write(&b)
	return b.String()
}

func (t *Table) write(b *strings.Builder) {
	fmt.Fprintf(b, "table %s %s {\n", t.Family, TableName)
	for _, name := range t.Counters {
		fmt.Fprintf(b, "\tcounter %s {\n\t}\n", name)
	}
	for i := range t.Sets {
		t.Sets[i].write(b)
	}
	for i := range t.Chains {
		t.Chains[i].write(b, t.Family)
	}
	b.WriteString("}\n")
}

func (s *Set) write(b *strings.Builder) {
	fmt.Fprintf(b, "\t%s %s {\n", s.keyword(), s.Name)
	for _, line := range s.attributes() {
		fmt.Fprintf(b, "\t\t%s\n", line)
	}
	for i, e := range s.Elements {
		if i == 0 {
			b.WriteString("\t\telements = {\n")
		}
		b.WriteString("\t\t\t" + e.Text(s))
		if i == len(s.Elements)-1 {
			b.WriteString("\n\t\t}\n")
		} else {
			b.WriteString(",\n")
		}
	}
	b.WriteString("\t}\n")
}

func (c *Chain) write(b *strings.Builder, family Family) {
	fmt.Fprintf(b, "\tchain %s {\n", c.Name)
	if c.Base != nil {
		fmt.Fprintf(b, "\t\t%s\n", c.Base.text())
	}
	for _, r := range c.Rules {
		fmt.Fprintf(b, "\t\t%s\n", r.line(family))
	}
	b.WriteString("\t}\n")
}

// text is the line that attaches a chain. A base chain of ours only restricts: what falls off
// its end is accepted, so that other tables keep their say.
func (b *Base) text() string {
	return fmt.Sprintf("type filter hook %s priority %d; policy accept;", b.Hook, b.Priority)
}
