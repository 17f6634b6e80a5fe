// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// sample is a program whose command echo prints what reached it.
func sample() Program {
	return Program{Name: "tool", Summary: "does things", Commands: []Command{
		{Name: "echo", Arguments: "WORD...", Summary: "print words", New: func(f *Flags) Action {
			o, l := f.Output(), f.List("tag", "a `tag`; may be repeated")
			return func(_ context.Context, words []string, s Streams) error {
				if len(words) == 0 {
					return Usagef("no word")
				}
				fmt.Fprintln(s.Out, *o, l.Values, words)
				return nil
			}
		}},
		{Name: "fail", Summary: "end in an error", New: func(*Flags) Action {
			return func(context.Context, []string, Streams) error {
				return errors.Join(errors.New("one"), errors.New("two\x1b[2J"))
			}
		}},
		{Name: "find", Summary: "find something", New: func(*Flags) Action {
			return func(context.Context, []string, Streams) error { return ErrFindings }
		}},
	}}
}

func TestRun(t *testing.T) {
	for _, tc := range []struct {
		line     string
		code     int
		out, err string
	}{
		{"echo a b", 0, "table [] [a b]\n", ""},
		{"echo a -o json b --tag x,y -tag z", 0, "json [x y z] [a b]\n", ""},
		{"echo -- -o json", 0, "table [] [-o json]\n", ""},
		{"echo - -o json", 0, "json [] [-]\n", ""},
		{"echo", 2, "", "tool echo: no word\nusage: tool echo [FLAGS] WORD...\n"},
		{"echo -x", 2, "", "tool echo: flag provided but not defined: -x\n" +
			"usage: tool echo [FLAGS] WORD...\n"},
		{"echo -o xml a", 2, "", "tool echo: invalid value \"xml\" for flag -o: accepted are " +
			"table and json\nusage: tool echo [FLAGS] WORD...\n"},
		{"fail", 1, "", "tool fail: one\ntool fail: two\\x1b[2J\n"},
		{"find", 1, "", ""},
		{"ecko", 2, "", "tool: unknown command \"ecko\"; did you mean \"echo\"?; run " +
			"\"tool help\" for the list\n"},
		{"zzz", 2, "", "tool: unknown command \"zzz\"; run \"tool help\" for the list\n"},
		{"help zzz", 2, "", "tool: unknown command \"zzz\"; run \"tool help\" for the list\n"},
		{"help fail", 0, "fail: end in an error\n\nusage: tool fail\n", ""},
	} {
		t.Run(tc.line, func(t *testing.T) {
			code, out, err := run(sample(), strings.Fields(tc.line)...)
			if code != tc.code || out != tc.out || err != tc.err {
				t.Errorf("got %d, %q, %q\nwant %d, %q, %q", code, out, err, tc.code, tc.out, tc.err)
			}
		})
	}
}

func run(p Program, arguments ...string) (int, string, string) {
	var out, err bytes.Buffer
	code := p.Run(context.Background(), arguments, Streams{Out: &out, Err: &err})
	return code, out.String(), err.String()
}

func TestUsage(t *testing.T) {
	want := `tool: does things

usage: tool COMMAND [FLAGS] [ARGUMENTS]

commands:
  echo     print words
  fail     end in an error
  find     find something
  version  print the version
  help     print this, or "help COMMAND"

exit codes: 0 done, 1 findings or refused, 2 wrong usage
`
	if code, out, _ := run(sample(), "help"); code != 0 || out != want {
		t.Errorf("help: got %d\n%s\nwant 0\n%s", code, out, want)
	}
	if code, out, err := run(sample()); code != 2 || out != "" || err != want {
		t.Errorf("no command: got %d, %q, %q, want 2 and the usage on standard error", code, out, err)
	}
	want = `echo: print words

usage: tool echo [FLAGS] WORD...

flags:
  -o format  output format: table for people, json for programs (default table)
  --tag tag  a tag; may be repeated
`
	for _, line := range [][]string{{"help", "echo"}, {"echo", "-h"}, {"echo", "x", "--help"}} {
		if code, out, _ := run(sample(), line...); code != 0 || out != want {
			t.Errorf("%v: got %d\n%s\nwant 0\n%s", line, code, out, want)
		}
	}
}

func TestVersionNamesTheProgram(t *testing.T) {
	for _, word := range []string{"version", "--version"} {
		code, out, _ := run(sample(), word)
		if code != 0 || !strings.HasPrefix(out, "tool ") || !strings.Contains(out, "(go1.") {
			t.Errorf("%s: got %d, %q, want the program and the Go version", word, code, out)
		}
	}
}

func TestListRefusesEmptyValues(t *testing.T) {
	for _, s := range []string{"", "a,,b", " "} {
		if err := (&List{}).Set(s); err == nil {
			t.Errorf("%q: got no error", s)
		}
	}
	l := &List{}
	if err := l.Set("a, b"); err != nil || !slices.Equal(l.Values, []string{"a", "b"}) {
		t.Errorf("got %v, %v, want a and b", l.Values, err)
	}
}
