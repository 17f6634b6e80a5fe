// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The exit codes of all our commands.
const (
	// ExitOK: done, and nothing to complain about.
	ExitOK = 0
	// ExitFindings: the command ran and found something wrong, or was refused.
	ExitFindings = 1
	// ExitUsage: the command line makes no sense; nothing was done.
	ExitUsage = 2
)

// Streams are a command's standard streams.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Command is one subcommand.
type Command struct {
	Name string
	// Arguments is how they are written in the usage line, as in "FILE...".
	Arguments string
	// Summary is one line for the list of commands.
	Summary string
	// New declares the command's flags and returns what runs once they are parsed.
	New func(f *Flags) Action
}

// Action does a command's work. The error decides the exit code: ErrFindings is for output that
// already says what is wrong, Usagef for a command line that makes no sense.
type Action func(ctx context.Context, arguments []string, s Streams) error

// ErrFindings ends a command with ExitFindings and no further message.
var ErrFindings = errors.New("findings")

type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// Usagef makes an error that ends a command with ExitUsage.
func Usagef(format string, values ...any) error {
	return usageError{fmt.Sprintf(format, values...)}
}

// Program is a binary: its name and its subcommands.
type Program struct {
	Name string
	// Summary is one line that says what the program is.
	Summary  string
	Commands []Command
}

// Run carries out a command line without the program's own name and returns the exit code.
func (p Program) Run(ctx context.Context, arguments []string, s Streams) int {
	if len(arguments) == 0 {
		p.usage(s.Err)
		return ExitUsage
	}
	name, rest := arguments[0], arguments[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		return p.help(rest, s)
	case "version", "-version", "--version":
		fmt.Fprintln(s.Out, p.Name, Version())
		return ExitOK
	}
	c, ok := p.find(name)
	if !ok {
		return p.unknown(name, s.Err)
	}
	return p.run(ctx, c, rest, s)
}

func (p Program) run(ctx context.Context, c Command, arguments []string, s Streams) int {
	f := newFlags()
	action := c.New(f)
	positional, err := f.parse(arguments)
	if errors.Is(err, errHelp) {
		p.describe(c, s.Out)
		return ExitOK
	}
	if err == nil {
		err = action(ctx, positional, s)
	}
	var usage usageError
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, ErrFindings):
		return ExitFindings
	case errors.As(err, &usage):
		fmt.Fprintf(s.Err, "%s %s: %s\nusage: %s\n", p.Name, c.Name, Printable(usage.text),
			p.line(c))
		return ExitUsage
	}
	// An error has several lines when it joins several errors.
	for _, line := range strings.Split(err.Error(), "\n") {
		fmt.Fprintf(s.Err, "%s %s: %s\n", p.Name, c.Name, Printable(line))
	}
	return ExitFindings
}

func (p Program) find(name string) (Command, bool) {
	for _, c := range p.Commands {
		if c.Name == name {
			return c, true
		}
	}
	return Command{}, false
}

func (p Program) unknown(name string, w io.Writer) int {
	names := []string{"help", "version"}
	for _, c := range p.Commands {
		names = append(names, c.Name)
	}
	fmt.Fprintf(w, "%s: unknown command %q%s; run %q for the list\n", p.Name, name,
		DidYouMean(name, names), p.Name+" help")
	return ExitUsage
}
