// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// usage lists the commands.
func (p Program) usage(w io.Writer) {
	fmt.Fprintf(w, "%s: %s\n\nusage: %s COMMAND [FLAGS] [ARGUMENTS]\n\ncommands:\n", p.Name,
		p.Summary, p.Name)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range p.Commands {
		fmt.Fprintf(t, "  %s\t%s\n", c.Name, c.Summary)
	}
	fmt.Fprint(t, "  version\tprint the version\n  help\tprint this, or \"help COMMAND\"\n")
	t.Flush()
	fmt.Fprint(w, "\nexit codes: 0 done, 1 findings or refused, 2 wrong usage\n")
}

func (p Program) help(arguments []string, s Streams) int {
	if len(arguments) == 0 {
		p.usage(s.Out)
		return ExitOK
	}
	c, ok := p.find(arguments[0])
	if !ok {
		return p.unknown(arguments[0], s.Err)
	}
	p.describe(c, s.Out)
	return ExitOK
}

// line is a command's usage on one line.
func (p Program) line(c Command) string {
	line := p.Name + " " + c.Name
	f := newFlags()
	c.New(f)
	if f.any() {
		line += " [FLAGS]"
	}
	if c.Arguments != "" {
		line += " " + c.Arguments
	}
	return line
}

// describe prints a command's usage and flags.
func (p Program) describe(c Command, w io.Writer) {
	fmt.Fprintf(w, "%s: %s\n\nusage: %s\n", c.Name, c.Summary, p.line(c))
	f := newFlags()
	c.New(f)
	if !f.any() {
		return
	}
	fmt.Fprint(w, "\nflags:\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	f.VisitAll(func(one *flag.Flag) {
		value, text := flag.UnquoteUsage(one)
		if one.DefValue != "" && one.DefValue != "false" {
			text += " (default " + one.DefValue + ")"
		}
		fmt.Fprintf(t, "  %s\t%s\n", strings.TrimSpace(dashes(one.Name)+" "+value), text)
	})
	t.Flush()
}

// dashes writes a flag the way that people do: -o, --policy-dir.
func dashes(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
