// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// hostile are texts that a terminal, or a person, would misread.
var hostile = map[string]string{
	"plain":              "plain",
	"größe 容器":           "größe 容器",
	`say "hi"`:           `say "hi"`,
	"a\x1b[2Jb":          `a\x1b[2Jb`,
	"a\nb":               `a\nb`,
	"a\rb":               `a\rb`,
	"csi \u009b2J":       `csi \u009b2J`,
	"bidi \u202eevil":    `bidi \u202eevil`,
	"zero\u200bwidth":    `zero\u200bwidth`,
	"bad \xff":           `bad \xff`,
	"nul\x00":            `nul\x00`,
	"del\x7f":            `del\x7f`,
	"back\\slash\x1b":    `back\\slash\x1b`,
	"tag \U000e0041":     `tag \U000e0041`,
	"line\u2028sep":      `line\u2028sep`,
	"osc \x1b]0;title\a": `osc \x1b]0;title\a`,
}

func TestPrintable(t *testing.T) {
	for in, want := range hostile {
		if got := Printable(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// Whatever a container or a label is called, what is shown of it is text, and means itself.
func FuzzPrintable(f *testing.F) {
	for in := range hostile {
		f.Add(in)
	}
	f.Add("a\x1b]0;x\x07\u202e" + strings.Repeat("\u6f22", 90))
	f.Fuzz(func(t *testing.T, s string) {
		got := Printable(s)
		if !utf8.ValidString(got) {
			t.Errorf("%q: got %q, which is no UTF-8", s, got)
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

func TestJSONIsASCIIAndMeansTheSame(t *testing.T) {
	for in := range hostile {
		var b bytes.Buffer
		if err := WriteJSON(&b, map[string]string{"text": in}); err != nil {
			t.Fatal(err)
		}
		for _, c := range b.Bytes() {
			if c != '\n' && (c < ' ' || c > '~') {
				t.Errorf("%q: byte %#x in %q", in, c, b.String())
			}
		}
		var back map[string]string
		want := strings.ToValidUTF8(in, string(utf8.RuneError))
		if err := json.Unmarshal(b.Bytes(), &back); err != nil || back["text"] != want {
			t.Errorf("%q: read back %q, %v", in, back["text"], err)
		}
	}
}

func TestWriteTable(t *testing.T) {
	var b bytes.Buffer
	rows := [][]string{{"NAME", "STATE", "WHY"}, {"größe", "ok", ""}, {"a\x1b", "b\nc", "last"}}
	if err := WriteTable(&b, rows); err != nil {
		t.Fatal(err)
	}
	want := "NAME   STATE  WHY\ngröße  ok\na\\x1b  b\\nc   last\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestDidYouMean(t *testing.T) {
	known := []string{"apply", "check", "endpoints", "explain", "render", "uninstall"}
	for found, want := range map[string]string{
		"aply": "apply", "endpoint": "endpoints", "explian": "explain", "chek": "check",
		"x": "", "status": "", "": "", strings.Repeat("a", 10000): "",
	} {
		got := DidYouMean(found, known)
		if want == "" && got != "" || want != "" && got != `; did you mean "`+want+`"?` {
			t.Errorf("%.20q: got %q, want %q", found, got, want)
		}
	}
}
