// SPDX-License-Identifier: Apache-2.0

package policy

import "fmt"

// Restore puts the documents of an earlier Set in force as they stood: the accepted ones with
// their positions, and what was closed in the place of the rejected ones. What Load would not
// take so any more is an error, and never half a Set: it would answer for another policy.
// AllowEncapsulation is no document's, and left to the caller. Positions inside of an item of a
// List are those that the item has alone.
func Restore(accepted, rejected []Document) (*Set, error) {
	l := newLoader(nil)
	for _, foundation := range []bool{true, false} {
		for _, good := range accepted {
			if isFoundation(good) == foundation && !l.restore(good) {
				return nil, fmt.Errorf("%s (%s:%d) is not accepted any more", good.Ref, good.File,
					good.Line)
			}
		}
		for _, bad := range rejected {
			if isFoundation(bad) == foundation && !l.closeAgain(bad) {
				return nil, fmt.Errorf("%s (%s:%d) is not rejected any more", bad.Ref, bad.File,
					bad.Line)
			}
		}
	}
	return l.finish(), nil
}

func isFoundation(d Document) bool {
	k := kindNamed(d.Ref.Kind)
	return k != nil && k.foundation
}

// closeAgain closes the subjects of a document that was rejected before.
func (l *loader) closeAgain(bad Document) bool {
	node, problem := parse(bad.File, chunk{line: max(bad.Line, 1), data: bad.Raw})
	if problem != nil || node == nil {
		return false
	}
	d := &document{file: bad.File, line: bad.Line, raw: bad.Raw, node: node,
		segments: l.segments}
	if _, isList := d.identify(); isList || d.kind == nil || d.ref != bad.Ref {
		return false
	}
	w := d.read()
	if d.errors == 0 {
		return false
	}
	l.replace(d, w)
	l.report(d)
	return true
}
