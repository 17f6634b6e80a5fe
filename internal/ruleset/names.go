// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"fmt"
	"strings"
)

// maxName is NFT_NAME_MAXLEN of linux/netfilter/nf_tables.h without the final zero.
const maxName = 255

// MaxComment is the longest comment or log prefix, in bytes, that the kernel and nft keep.
const MaxComment = 127

// ValidName tells whether nft can read name back as that of a chain, set, map or counter: a
// letter, then letters, digits, '-', '_' and '.', and none of nft's own words. The kernel takes
// any bytes, but a listing with such a name cannot be loaded again.
func ValidName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("name %q: must have 1 to %d bytes", name, maxName)
	}
	if !letter(name[0]) {
		return fmt.Errorf("name %q: must begin with a letter", name)
	}
	for i := 1; i < len(name); i++ {
		if c := name[i]; !letter(c) && !digit(c) && c != '-' && c != '_' && c != '.' {
			return fmt.Errorf("name %q: byte %q is not allowed", name, c)
		}
	}
	if keywords[name] {
		return fmt.Errorf("name %q: is a word of the nft language", name)
	}
	return nil
}

// ValidInterface tells whether an interface name can stand in our rules. Linux allows nearly
// every byte in a name; a quote would end nft's string, a final '*' would make it a pattern.
func ValidInterface(name string) error {
	if name == "" || len(name) > 15 {
		return fmt.Errorf("interface %q: must have 1 to 15 bytes", name)
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; !printable(c) || c == ' ' || c == '*' || c == '/' {
			return fmt.Errorf("interface %q: byte %q is not allowed", name, c)
		}
	}
	return nil
}

// Sanitize makes text safe between the quotes of nft text. A quote would let the author of a
// policy name write rules, a newline would forge log lines, and '$' begins a variable in log
// prefixes of nft 1.0.6. Each such byte becomes '?'; the result has at most MaxComment bytes.
func Sanitize(text string) string {
	if len(text) > MaxComment {
		text = text[:MaxComment]
	}
	for i := 0; i < len(text); i++ {
		if !printable(text[i]) {
			return sanitized(text)
		}
	}
	return text
}

func sanitized(text string) string {
	b := []byte(text)
	for i, c := range b {
		if !printable(c) {
			b[i] = '?'
		}
	}
	return string(b)
}

// printable is ASCII that means itself between the quotes of nft text.
func printable(c byte) bool {
	return c >= ' ' && c <= '~' && !strings.ContainsRune("\"\\$", rune(c))
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func digit(c byte) bool { return c >= '0' && c <= '9' }
