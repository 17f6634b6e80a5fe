// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"fmt"
	"io"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/policy"
)

// write prints the three answers for a person: the outcome of each on a line first, then the
// reasons.
func (x explanation) write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", cli.Printable(x.Flow))
	rows := [][]string{
		{"  from", x.From.title(), x.From.Address.String(), x.From.where()},
		{"  to", x.To.title(), x.To.Address.String(), x.To.where()},
	}
	if err := cli.WriteTable(&b, rows); err != nil {
		return err
	}
	fmt.Fprintf(&b, "\n  law     %s: %s\n  rules   %s after %s\n  kernel  %s\n",
		x.Law.Decision.Action, cli.Printable(x.Law.Decision.Why), x.Rules.Verdict,
		count(len(x.Rules.Steps), "rule"), x.Kernel.title())
	x.writeFindings(&b)
	fmt.Fprintf(&b, "\nlaw: %s", printableLaw(x.Law))
	x.Rules.write(&b)
	if err := x.Kernel.write(&b); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (x explanation) writeFindings(b *strings.Builder) {
	for _, note := range x.Notes {
		fmt.Fprintf(b, "  note    %s\n", cli.Printable(note))
	}
	if x.Agree {
		fmt.Fprint(b, "  all three agree\n")
	}
	for _, d := range x.Differences {
		fmt.Fprintf(b, "  DIFFER  %s\n", cli.Printable(d))
	}
}

func (s side) title() string {
	switch s.Kind {
	case "endpoint":
		return s.Endpoint
	case "host":
		return "the node itself"
	}
	return "the world"
}

func (s side) where() string {
	switch {
	case s.Interface == "":
		return ""
	case s.Bridge == "":
		return "at " + s.Interface
	}
	return "at " + s.Interface + " on bridge " + s.Bridge
}

func (t traced) write(b *strings.Builder) {
	fmt.Fprintf(b, "\nrules: %s\n", t.Verdict)
	for _, s := range t.Steps {
		fmt.Fprintf(b, "  %s %s[%d]: %s", s.Family, s.Chain, s.Index, cli.Printable(s.Rule))
		if s.Comment != "" {
			fmt.Fprintf(b, "  # %s", cli.Printable(s.Comment))
		}
		b.WriteByte('\n')
	}
}

func (k kernelView) title() string {
	if k.AsDesired && k.Generation == 0 {
		return "nothing of ours, as desired"
	}
	if k.AsDesired {
		return fmt.Sprintf("generation %d, exactly the desired rules", k.Generation)
	}
	return fmt.Sprintf("generation %d, %s to the desired rules", k.Generation,
		count(len(k.Drift), "difference"))
}

// maxDrift bounds how many differences are printed; JSON has them all.
const maxDrift = 20

func (k kernelView) write(b *strings.Builder) error {
	fmt.Fprintf(b, "\nkernel: %s\n", k.title())
	for i, d := range k.Drift {
		if i == maxDrift {
			fmt.Fprintf(b, "  ... and %d more\n", len(k.Drift)-maxDrift)
			break
		}
		fmt.Fprintf(b, "  %s\n", cli.Printable(d))
	}
	if len(k.Counters) == 0 {
		fmt.Fprint(b, "  no counter on the way\n")
		return nil
	}
	rows := [][]string{{"  COUNTER", "PACKETS", "BYTES", ""}}
	for _, c := range k.Counters {
		mark := ""
		if c.Counts {
			mark = "counts this flow"
		}
		rows = append(rows, []string{"  " + c.Family + " " + c.Name, fmt.Sprint(c.Packets),
			fmt.Sprint(c.Bytes), mark})
	}
	return cli.WriteTable(b, rows)
}

// printableLaw renders the law's trace with every text that holds a name of an endpoint escaped
// by itself: in the rendered whole, a line break inside of a name would pass for the trace's own.
func printableLaw(x policy.Explanation) string {
	x.Flow = cli.Printable(x.Flow)
	x.Decision = printableDecision(x.Decision)
	directions := x.Directions
	x.Directions = nil
	for _, d := range directions {
		d.Party = cli.Printable(d.Party)
		d.Decision = printableDecision(d.Decision)
		d.Tiers = printableTiers(d.Tiers)
		x.Directions = append(x.Directions, d)
	}
	return x.String()
}

func printableDecision(d policy.Decision) policy.Decision {
	d.Why = cli.Printable(d.Why)
	audits := d.WouldDeny
	d.WouldDeny = nil
	for _, a := range audits {
		a.Why = cli.Printable(a.Why)
		d.WouldDeny = append(d.WouldDeny, a)
	}
	return d
}

func printableTiers(tiers []policy.TierTrace) []policy.TierTrace {
	var out []policy.TierTrace
	for _, t := range tiers {
		policies := t.Policies
		t.Policies = nil
		for _, p := range policies {
			rules := p.Rules
			p.Rules = nil
			for _, r := range rules {
				r.Why = cli.Printable(r.Why)
				p.Rules = append(p.Rules, r)
			}
			if p.Alone != nil {
				alone := printableDecision(*p.Alone)
				p.Alone = &alone
			}
			t.Policies = append(t.Policies, p)
		}
		out = append(out, t)
	}
	return out
}
