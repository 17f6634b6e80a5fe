// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPrintable bounds what is shown of one name, in bytes.
const maxPrintable = 256

// cut ends what was too long.
const cut = "..."

// Printable is a name as it may be shown. Names, labels and annotations are written by whoever
// starts a container, and end in terminals, logs and web pages: everything that moves a cursor,
// changes the direction of writing, breaks a line, is invisible or no text at all becomes U+FFFD,
// and what is too long is cut.
func Printable(s string) string {
	if plainText(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if !shown(r) {
			r = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(r) > maxPrintable {
			return shorten(b.String())
		}
		b.WriteRune(r)
	}
	return b.String()
}

// shown reports whether a character may stand in a name: letters, marks, digits, punctuation,
// symbols and the plain space. Controls, formatting (bidirectional overrides, zero widths,
// tags), separators and private characters are none.
func shown(r rune) bool { return unicode.IsPrint(r) }

// plainText is what most names are, and needs no copy.
func plainText(s string) bool {
	if len(s) > maxPrintable {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// shorten makes room for the sign that something was cut off.
func shorten(s string) string {
	for len(s)+len(cut) > maxPrintable {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s + cut
}
