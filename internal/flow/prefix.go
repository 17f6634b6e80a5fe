// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"fmt"
	"slices"
	"strings"
)

// Prefix is what a log rule writes before a packet: `bh1 <group> <kind> <word>`, with a dash for
// both where no group is concerned.
type Prefix struct {
	Group string
	Kind  string
	Word  string
}

// prefixVersion begins every prefix of ours.
const prefixVersion = "bh1"

// ParsePrefix reads a prefix. A word that is not known is kept, an unknown question is an error:
// nothing could be said about who was judged.
func ParsePrefix(s string) (Prefix, error) {
	version, rest, _ := strings.Cut(s, " ")
	group, rest, _ := strings.Cut(rest, " ")
	kind, word, ok := strings.Cut(rest, " ")
	none := group == "-" && kind == "-"
	switch {
	case version != prefixVersion:
		return Prefix{}, fmt.Errorf("log prefix %q: want it to begin with %s", s, prefixVersion)
	case !ok || !isWord(word):
		return Prefix{}, fmt.Errorf("log prefix %q: want %s, group, kind and word", s, prefixVersion)
	case none:
		return Prefix{Word: word}, nil
	case !isHash(group) || !slices.Contains(kinds, kind):
		return Prefix{}, fmt.Errorf("log prefix %q: group %q and kind %q are none of ours", s, group,
			kind)
	}
	return Prefix{Group: group, Kind: kind, Word: word}, nil
}

// String is what ParsePrefix reads.
func (p Prefix) String() string {
	if p.Group == "" {
		return prefixVersion + " - - " + p.Word
	}
	return prefixVersion + " " + p.Group + " " + p.Kind + " " + p.Word
}

// Counter is the counter that counts the packets that are logged with this prefix in a table of
// the family: "ip", "ip6" or "bridge".
func (p Prefix) Counter(family string) Counter {
	return Counter{Family: family, Group: p.Group, Kind: p.Kind, Word: p.Word}
}
