// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"flag"
	"io"
	"slices"
	"strings"
)

var errHelp = flag.ErrHelp

// Flags are a command's flags. Unlike those of package flag they may stand behind arguments.
type Flags struct{ *flag.FlagSet }

func newFlags() *Flags {
	f := flag.NewFlagSet("", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	return &Flags{f}
}

// Output declares "-o": how the result is printed.
func (f *Flags) Output() *Output {
	o := Output("table")
	f.Var(&o, "o", "output `format`: table for people, json for programs")
	return &o
}

// List declares a flag that may be stated more than once and may hold several values,
// separated by commas.
func (f *Flags) List(name, usage string) *List {
	l := &List{}
	f.Var(l, name, usage)
	return l
}

func (f *Flags) any() bool {
	found := false
	f.VisitAll(func(*flag.Flag) { found = true })
	return found
}

// parse returns the arguments that are not flags. Behind "--" nothing is a flag.
func (f *Flags) parse(arguments []string) ([]string, error) {
	var positional []string
	for {
		if err := f.Parse(arguments); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, Usagef("%v", err)
		}
		rest := f.Args()
		if taken := len(arguments) - len(rest); taken > 0 && arguments[taken-1] == "--" {
			return append(positional, rest...), nil
		}
		if len(rest) == 0 {
			return positional, nil
		}
		positional = append(positional, rest[0])
		arguments = rest[1:]
	}
}

// Output is the value of "-o".
type Output string

// JSON says that programs read the result.
func (o *Output) JSON() bool { return *o == "json" }

// String returns the format's name.
func (o *Output) String() string { return string(*o) }

// Set accepts the names of formats.
func (o *Output) Set(s string) error {
	formats := []string{"table", "json"}
	if !slices.Contains(formats, s) {
		return errors.New("accepted are " + strings.Join(formats, " and "))
	}
	*o = Output(s)
	return nil
}

// List is the values of a flag declared by Flags.List.
type List struct{ Values []string }

// String returns the values, separated by commas.
func (l *List) String() string { return strings.Join(l.Values, ",") }

// Set adds values.
func (l *List) Set(s string) error {
	for _, v := range strings.Split(s, ",") {
		if v = strings.TrimSpace(v); v == "" {
			return errors.New("an empty value")
		}
		l.Values = append(l.Values, v)
	}
	return nil
}
