// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

func TestSampleIsValid(t *testing.T) {
	if err := sample().Validate(); err != nil {
		t.Error(err)
	}
}

func TestSampleText(t *testing.T) {
	golden(t, "sample.nft", sample().String())
	golden(t, "sample.ops.nft", OpsText(Diff(nil, sample())))
}

// What we print loads, and what is then listed loads again and lists the same.
func TestTextLoads(t *testing.T) {
	texts := map[string]string{"String": sample().String(), "OpsText": OpsText(Diff(nil, sample()))}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			first, second := namespace(t), namespace(t)
			load(t, first, text)
			load(t, second, in(t, first, "nft", "list", "ruleset"))
			got, want := listing(t, second), listing(t, first)
			if got != want {
				t.Errorf("got %s\nwant %s", got, want)
			}
			if n := strings.Count(want, "chain "); n < 11 {
				t.Errorf("got %d chains listed, want at least 11", n)
			}
		})
	}
}

func TestSanitize(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "",
		"plain text-1":             "plain text-1",
		"a\"b\\c\nd\x00e$f\x7fg":   "a?b?c?d?e?f?g",
		"é":                        "??",
		strings.Repeat("x", 130):   strings.Repeat("x", 127),
		strings.Repeat("\"", 1000): strings.Repeat("?", 127),
	} {
		if got := Sanitize(text); got != want {
			t.Errorf("Sanitize(%q): got %q, want %q", text, got, want)
		}
	}
}

// Every printable byte that Sanitize keeps means itself in a comment and in a log prefix.
func TestSanitizedTextIsListedAsItIs(t *testing.T) {
	var all []byte
	for c := range 256 {
		all = append(all, byte(c))
	}
	text := Sanitize(string(all[32:127]))
	ns := namespace(t)
	load(t, ns, "table ip x {\nchain c {\nlog prefix "+quote(text)+" group 1 comment "+
		quote(text)+"\n}\n}\n")
	if got := strings.Count(in(t, ns, "nft", "list", "ruleset"), text); got != 2 {
		t.Errorf("got %q listed %d times, want 2", text, got)
	}
}

func TestValidName(t *testing.T) {
	for name, valid := range map[string]bool{
		"in-g1": true, "a": true, "A.b_c": true, "generation": true, "port": true, "input": true,
		"": false, "1a": false, "-a": false, "a b": false, "a\"": false, "icmp": false,
		"arp": false, "fwd": false, "rate": false, "état": false, "_a": false,
		strings.Repeat("a", 255): true, strings.Repeat("a", 256): false,
	} {
		if got := ValidName(name) == nil; got != valid {
			t.Errorf("ValidName(%q): got %t, want %t", name, got, valid)
		}
	}
}

func TestValidInterface(t *testing.T) {
	for name, valid := range map[string]bool{
		"eth0": true, "br-0a.1": true, "veth@x": true, "": false, "a*": false, "a b": false,
		"a\"b": false, "a/b": false, "é": false, "0123456789abcde": true,
		"0123456789abcdef": false,
	} {
		if got := ValidInterface(name) == nil; got != valid {
			t.Errorf("ValidInterface(%q): got %t, want %t", name, got, valid)
		}
	}
}

func TestPrefixBits(t *testing.T) {
	for _, row := range []struct {
		first, last string
		bits        int
		aligned     bool
	}{
		{"10.0.0.0", "10.255.255.255", 8, true},
		{"0.0.0.0", "255.255.255.255", 0, true},
		{"10.0.0.1", "10.0.0.1", 32, true},
		{"10.0.0.1", "10.0.0.2", 0, false},
		{"10.0.0.0", "10.0.0.2", 0, false},
		{"10.0.0.1", "10.0.1.1", 0, false},
		{"fe80::", "fe80::ffff", 112, true},
	} {
		bits, aligned := prefixBits(ip(row.first), ip(row.last))
		if aligned != row.aligned || aligned && bits != row.bits {
			t.Errorf("%s-%s: got %d %t, want %d %t", row.first, row.last, bits, aligned, row.bits,
				row.aligned)
		}
	}
}
