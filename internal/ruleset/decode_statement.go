// SPDX-License-Identifier: Apache-2.0

package ruleset

import "net/netip"

func (d *reader) field() Field { return Field(d.byte(uint8(fieldCount - 1))) }

func (d *reader) key() Key { return Key(d.text()) }

func (d *reader) fields() []Field { return list(d, 1, d.field) }

// statement takes a statement; of an unknown one it fails and returns nil.
func (d *reader) statement() Statement {
	switch code := d.byte(codeVerdict); code {
	case codeCompare, codeMasked, codeOneOf, codeInPrefix, codeNamePrefix:
		return d.fieldMatch(code, d.field(), d.flag())
	case codeStates:
		return States{States: list(d, 1, func() State {
			return State(d.byte(uint8(StateUntracked)))
		})}
	case codeRoutingHeader:
		return RoutingHeader{}
	case codeConfirmed:
		return Confirmed{}
	default:
		return d.action(code)
	}
}

func (d *reader) fieldMatch(code uint8, f Field, not bool) Statement {
	switch code {
	case codeCompare:
		return Compare{Field: f, Not: not, Value: d.key()}
	case codeMasked:
		return Masked{Field: f, Not: not, Mask: d.word(), Value: d.word()}
	case codeOneOf:
		return OneOf{Field: f, Not: not, Values: list(d, 1, d.key)}
	case codeInPrefix:
		addr, _ := netip.AddrFromSlice([]byte(d.text()))
		return InPrefix{Field: f, Not: not, Prefix: netip.PrefixFrom(addr, int(d.signed()))}
	}
	return NamePrefix{Field: f, Prefix: d.text()}
}

func (d *reader) action(code uint8) Statement {
	switch code {
	case codeLookup:
		return Lookup{Set: d.text(), Fields: d.fields(), Not: d.flag(), Mask: d.word()}
	case codeVerdictMap:
		return VerdictMap{Map: d.text(), Fields: d.fields()}
	case codeUpdate:
		u := Update{Set: d.text(), Fields: d.fields()}
		if d.flag() {
			u.Limit = &Rate{PerSecond: d.number(1<<64 - 1), Burst: d.word()}
		}
		return u
	case codeCounterRef:
		return CounterRef{Name: d.text()}
	case codeLog:
		return Log{Prefix: d.text(), Group: uint16(d.number(1<<16 - 1)), Snaplen: d.word()}
	case codeSetMark:
		return SetMark{CT: d.flag(), Keep: d.word(), Or: d.word()}
	case codeRejectWith:
		return RejectWith{TCPReset: d.flag()}
	case codeVerdict:
		return d.verdict()
	}
	d.fail("unknown statement")
	return nil
}
