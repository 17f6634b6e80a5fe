// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// keyword is "map" for a verdict map.
func (s *Set) keyword() string {
	if s.Verdicts {
		return "map"
	}
	return "set"
}

// attributes are the lines that define a set, without its elements.
func (s *Set) attributes() []string {
	lines := []string{s.typeLine()}
	if s.Interval {
		lines = append(lines, "flags interval")
	}
	d := s.Dynamic
	if d == nil {
		return lines
	}
	if d.Size > 0 {
		lines = append(lines, fmt.Sprintf("size %d", d.Size))
	}
	if d.Timeout == 0 {
		lines = append(lines, "flags dynamic")
	} else {
		lines = append(lines, "flags dynamic,timeout")
	}
	if d.Counter {
		lines = append(lines, "counter")
	}
	if d.Timeout > 0 {
		lines = append(lines, "timeout "+durationText(d.Timeout))
	}
	return lines
}

func (s *Set) typeLine() string {
	byExpression := slices.ContainsFunc(s.Types, Type.Raw)
	names := make([]string, len(s.Types))
	for i, t := range s.Types {
		names[i] = t.String()
		if byExpression && int(t) < len(types) {
			names[i] = types[t].typeof
		}
	}
	text := "type " + strings.Join(names, " . ")
	if byExpression {
		text = "typeof " + strings.Join(names, " . ")
	}
	if s.Verdicts {
		text += " : verdict"
	}
	return text
}

// durationText is a duration as nft writes it. Units below a millisecond do not exist there.
func durationText(d time.Duration) string {
	units := []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"},
		{time.Millisecond, "ms"}}
	var b strings.Builder
	for _, u := range units {
		if n := d / u.unit; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			d %= u.unit
		}
	}
	return b.String()
}

// Text is an element as nft writes it in the set.
func (e Element) Text(s *Set) string {
	text := s.keyText(e)
	if e.Comment != "" {
		text += " comment " + quote(e.Comment)
	}
	if s.Verdicts {
		text += " : " + verdictText(e.Verdict)
	}
	return text
}

// keyText is the element's key or range. An aligned range of addresses is written as a prefix,
// as nft itself lists it.
func (s *Set) keyText(e Element) string {
	if e.Last == "" || len(s.Types) != 1 || int(s.Types[0]) >= len(types) {
		return s.keyOf(e.Key)
	}
	t := s.Types[0]
	if bits, ok := prefixBits(e.Key, e.Last); ok && (t == TypeIPv4 || t == TypeIPv6) {
		return fmt.Sprintf("%s/%d", formatAddr(e.Key), bits)
	}
	format := types[t].format
	if t == TypeProto {
		// nft would read "tcp-udp" as one name.
		format = formatNumber
	}
	if len(e.Key) != types[t].width || len(e.Last) != types[t].width {
		format = formatHex // of an element that Validate is about to refuse
	}
	return format(e.Key) + "-" + format(e.Last)
}

func (s *Set) keyOf(k Key) string {
	if len(s.Types) == 1 {
		return typedText(s.Types[0], k)
	}
	parts := make([]string, 0, len(s.Types))
	for _, t := range s.Types {
		if int(t) >= len(types) || len(k) < padded(types[t].width) {
			return formatHex(k)
		}
		parts = append(parts, typedText(t, k[:types[t].width]))
		k = k[padded(types[t].width):]
	}
	return strings.Join(parts, " . ")
}

func typedText(t Type, k Key) string {
	if int(t) >= len(types) || len(k) != types[t].width {
		return formatHex(k)
	}
	return types[t].format(k)
}

// padded is the room that a field takes inside a key of several fields.
func padded(width int) int { return (width + 3) &^ 3 }

// prefixBits tells whether first to last is exactly one prefix, and its length.
func prefixBits(first, last Key) (int, bool) {
	if len(first) != len(last) {
		return 0, false
	}
	bits, host := 0, false
	for i := range len(first) * 8 {
		a, b := first[i/8]>>(7-i%8)&1, last[i/8]>>(7-i%8)&1
		switch {
		case a == 0 && b == 1:
			host = true
		case a != b || host:
			return 0, false
		default:
			bits++
		}
	}
	return bits, true
}
