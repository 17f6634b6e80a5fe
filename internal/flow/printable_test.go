// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "",
		"shop/api":                    "shop/api",
		"größe 漢字":                    "größe 漢字",
		"a\x1b[2Jb":                   "a\ufffd[2Jb",
		"a\nb\tc\r\x00":               "a\ufffdb\ufffdc\ufffd\ufffd",
		"\u202egnp.exe":               "\ufffdgnp.exe",
		"\u2066a\u2069\u200f":         "\ufffda\ufffd\ufffd",
		"a\u200bb\ufeff\u2028\u00a0":  "a\ufffdb\ufffd\ufffd\ufffd",
		"\u009b2J":                    "\ufffd2J",
		"\xff\xfe":                    "\ufffd\ufffd",
		"\U000e0041":                  "\ufffd",
		strings.Repeat("a", 256):      strings.Repeat("a", 256),
		strings.Repeat("a", 257):      strings.Repeat("a", 253) + "...",
		strings.Repeat("\u6f22", 100): strings.Repeat("\u6f22", 84) + "...",
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b]0;x\x07\u202e" + strings.Repeat("\u6f22", 90))
	f.Fuzz(func(t *testing.T, s string) {
		got := Printable(s)
		if len(got) > maxPrintable || !utf8.ValidString(got) {
			t.Errorf("%q: got %d bytes, %q", s, len(got), got)
		}
		for _, r := range got {
			if unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) {
				t.Errorf("%q: got %q, which holds %U", s, got, r)
			}
		}
		if again := Printable(got); again != got {
			t.Errorf("%q: got %q of %q, want it unchanged", s, again, got)
		}
	})
}
