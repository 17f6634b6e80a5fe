// SPDX-License-Identifier: Apache-2.0

package ruleset

// The statements' numbers in the binary form.
const (
	codeCompare = iota + 1
	codeMasked
	codeOneOf
	codeInPrefix
	codeNamePrefix
	codeStates
	codeRoutingHeader
	codeConfirmed
	codeLookup
	codeVerdictMap
	codeUpdate
	codeCounterRef
	codeLog
	codeSetMark
	codeRejectWith
	codeVerdict
)

func (w *writer) code(n int, f Field, not bool) {
	w.b = append(w.b, byte(n), byte(f))
	w.flag(not)
}

// statement writes a statement. One of a type that is not ours cannot be made outside this
// package; it writes a number that Decode refuses.
func (w *writer) statement(s Statement) {
	switch s := s.(type) {
	case Compare:
		w.code(codeCompare, s.Field, s.Not)
		w.text(string(s.Value))
	case Masked:
		w.code(codeMasked, s.Field, s.Not)
		w.number(uint64(s.Mask))
		w.number(uint64(s.Value))
	case OneOf:
		w.code(codeOneOf, s.Field, s.Not)
		w.length(len(s.Values))
		for _, v := range s.Values {
			w.text(string(v))
		}
	case InPrefix:
		w.code(codeInPrefix, s.Field, s.Not)
		w.text(string(s.Prefix.Addr().AsSlice()))
		w.signed(int64(s.Prefix.Bits()))
	case NamePrefix:
		w.code(codeNamePrefix, s.Field, false)
		w.text(s.Prefix)
	case States:
		w.number(codeStates)
		w.length(len(s.States))
		for _, state := range s.States {
			w.number(uint64(state))
		}
	case RoutingHeader:
		w.number(codeRoutingHeader)
	case Confirmed:
		w.number(codeConfirmed)
	default:
		w.action(s)
	}
}

func (w *writer) action(s Statement) {
	switch s := s.(type) {
	case Lookup:
		w.setUse(codeLookup, s.Set, s.Fields)
		w.flag(s.Not)
		w.number(uint64(s.Mask))
	case VerdictMap:
		w.setUse(codeVerdictMap, s.Map, s.Fields)
	case Update:
		w.setUse(codeUpdate, s.Set, s.Fields)
		w.flag(s.Limit != nil)
		if s.Limit != nil {
			w.number(s.Limit.PerSecond)
			w.number(uint64(s.Limit.Burst))
		}
	case CounterRef:
		w.number(codeCounterRef)
		w.text(s.Name)
	case Log:
		w.number(codeLog)
		w.text(s.Prefix)
		w.number(uint64(s.Group))
		w.number(uint64(s.Snaplen))
	case SetMark:
		w.number(codeSetMark)
		w.flag(s.CT)
		w.number(uint64(s.Keep))
		w.number(uint64(s.Or))
	case RejectWith:
		w.number(codeRejectWith)
		w.flag(s.TCPReset)
	case Verdict:
		w.number(codeVerdict)
		w.verdict(s)
	default:
		w.number(0)
	}
}

func (w *writer) setUse(code uint64, set string, list []Field) {
	w.number(code)
	w.text(set)
	w.length(len(list))
	for _, f := range list {
		w.number(uint64(f))
	}
}
