// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"fmt"
	"strings"
)

// Text is the rule as nft writes it, without its comment.
func (r Rule) Text(family Family) string {
	parts := make([]string, len(r.Statements))
	for i, s := range r.Statements {
		parts[i] = statementText(family, s)
	}
	return strings.Join(parts, " ")
}

// line is the rule with its comment.
func (r Rule) line(family Family) string {
	if r.Comment == "" {
		return r.Text(family)
	}
	return r.Text(family) + " comment " + quote(r.Comment)
}

func statementText(family Family, s Statement) string {
	switch s := s.(type) {
	case Compare, Masked, OneOf, InPrefix, NamePrefix, States, Confirmed, RoutingHeader:
		return matchText(family, s)
	case Lookup:
		return lookupText(family, s)
	case VerdictMap:
		return concat(family, s.Fields) + " vmap @" + s.Map
	case Update:
		return "update @" + s.Set + " { " + concat(family, s.Fields) + rateText(s.Limit) + " }"
	case CounterRef:
		return "counter name " + s.Name
	case Log:
		return logText(s)
	case SetMark:
		return setMarkText(s)
	case RejectWith:
		return rejectText(family, s)
	case Verdict:
		return verdictText(s)
	}
	return "unknown"
}

func matchText(family Family, s Statement) string {
	switch s := s.(type) {
	case Compare:
		return compareText(family, s)
	case Masked:
		return maskedText(family, s)
	case OneOf:
		values := make([]string, len(s.Values))
		for i, v := range s.Values {
			values[i] = valueText(s.Field, family, v)
		}
		return s.Field.text(family) + not(s.Not) + " { " + strings.Join(values, ", ") + " }"
	case InPrefix:
		return s.Field.text(family) + not(s.Not) + " " + s.Prefix.Masked().String()
	case NamePrefix:
		return s.Field.text(family) + " " + quote(s.Prefix+"*")
	case States:
		names := make([]string, len(s.States))
		for i, state := range s.States {
			names[i] = state.String()
		}
		return "ct state " + strings.Join(names, ",")
	case Confirmed:
		return "ct status confirmed"
	}
	return "exthdr rt exists"
}

func not(yes bool) string {
	if yes {
		return " !="
	}
	return ""
}

func compareText(family Family, s Compare) string {
	op := not(s.Not)
	if s.Field == TCPFlags && !s.Not {
		// Without an operator nft reads a bit test, not a comparison.
		op = " =="
	}
	return s.Field.text(family) + op + " " + valueText(s.Field, family, s.Value)
}

func maskedText(family Family, s Masked) string {
	op := " == "
	if s.Not {
		op = " != "
	}
	if s.Field == TCPFlags {
		return "tcp flags & " + tcpFlags(s.Mask) + op + tcpFlags(s.Value)
	}
	return fmt.Sprintf("%s and 0x%08x%s0x%08x", s.Field.text(family), s.Mask, op, s.Value)
}

func lookupText(family Family, s Lookup) string {
	text := concat(family, s.Fields)
	if s.Mask != 0 {
		text += fmt.Sprintf(" and 0x%08x", s.Mask)
	}
	return text + not(s.Not) + " @" + s.Set
}

func concat(family Family, list []Field) string {
	names := make([]string, len(list))
	for i, f := range list {
		names[i] = f.text(family)
	}
	return strings.Join(names, " . ")
}

func rateText(r *Rate) string {
	if r == nil {
		return ""
	}
	return fmt.Sprintf(" limit rate %d/second burst %d packets", r.PerSecond, r.Burst)
}

func logText(s Log) string {
	text := "log"
	if s.Prefix != "" {
		text += " prefix " + quote(s.Prefix)
	}
	text += fmt.Sprintf(" group %d", s.Group)
	if s.Snaplen != 0 {
		text += fmt.Sprintf(" snaplen %d", s.Snaplen)
	}
	return text
}

func setMarkText(s SetMark) string {
	mark := "meta mark"
	if s.CT {
		mark = "ct mark"
	}
	if s.Keep == 0 {
		return fmt.Sprintf("%s set 0x%08x", mark, s.Or)
	}
	text := mark + " set " + mark
	if s.Keep != 0xffffffff {
		text += fmt.Sprintf(" and 0x%08x", s.Keep)
	}
	if s.Or != 0 || s.Keep == 0xffffffff {
		text += fmt.Sprintf(" or 0x%08x", s.Or)
	}
	return text
}

func rejectText(family Family, s RejectWith) string {
	switch {
	case s.TCPReset:
		return "reject with tcp reset"
	case family == IP6:
		return "reject with icmpv6 type admin-prohibited"
	}
	return "reject with icmp type admin-prohibited"
}

func verdictText(v Verdict) string {
	word := pick(verdictWords[:], int(v.Kind))
	if v.Kind == JumpVerdict || v.Kind == GotoVerdict {
		return word + " " + v.Chain
	}
	return word
}
