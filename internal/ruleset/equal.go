// SPDX-License-Identifier: Apache-2.0

package ruleset

import "slices"

func equalRules(a, b []Rule) bool { return same(a, b) || slices.EqualFunc(a, b, equalRule) }

func equalRule(a, b Rule) bool {
	return a.Comment == b.Comment && slices.EqualFunc(a.Statements, b.Statements, equalStatement)
}

// equalStatement compares two statements. Those that hold slices or pointers are taken apart,
// since comparing them as interfaces would panic.
func equalStatement(a, b Statement) bool {
	switch a := a.(type) {
	case OneOf:
		b, ok := b.(OneOf)
		return ok && a.Field == b.Field && a.Not == b.Not && slices.Equal(a.Values, b.Values)
	case States:
		b, ok := b.(States)
		return ok && slices.Equal(a.States, b.States)
	case Lookup:
		b, ok := b.(Lookup)
		return ok && a.Set == b.Set && a.Not == b.Not && a.Mask == b.Mask &&
			slices.Equal(a.Fields, b.Fields)
	case VerdictMap:
		b, ok := b.(VerdictMap)
		return ok && a.Map == b.Map && slices.Equal(a.Fields, b.Fields)
	case Update:
		b, ok := b.(Update)
		return ok && a.Set == b.Set && slices.Equal(a.Fields, b.Fields) &&
			equalPointers(a.Limit, b.Limit)
	}
	switch b.(type) {
	case OneOf, States, Lookup, VerdictMap, Update:
		return false
	}
	return a == b
}

func equalPointers[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// sameShape tells whether two sets differ in their elements at most. The kernel cannot change
// anything else of a set that exists.
func sameShape(a, b *Set) bool {
	return a.Verdicts == b.Verdicts && a.Interval == b.Interval &&
		slices.Equal(a.Types, b.Types) && equalPointers(a.Dynamic, b.Dynamic)
}
