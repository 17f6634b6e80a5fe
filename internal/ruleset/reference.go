// SPDX-License-Identifier: Apache-2.0

package ruleset

// referent is what kind of object a statement refers to.
type referent uint8

const (
	toNothing referent = iota
	toSet
	toChain
	toCounter
)

// reference is the named object that a statement needs. No statement needs two.
func reference(s Statement) (referent, string) {
	switch s := s.(type) {
	case Lookup:
		return toSet, s.Set
	case VerdictMap:
		return toSet, s.Map
	case Update:
		return toSet, s.Set
	case CounterRef:
		return toCounter, s.Name
	case Verdict:
		if s.Chain != "" {
			return toChain, s.Chain
		}
	}
	return toNothing, ""
}
