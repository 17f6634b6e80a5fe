// SPDX-License-Identifier: Apache-2.0

package ruleset

// lookup is a set lookup. "Not" of an absent field does not match either: the kernel ends the
// rule where the field is loaded.
func (e *evaluation) lookup(s Lookup) bool {
	key, ok := e.key(s.Fields)
	if !ok {
		return false
	}
	if s.Mask != 0 {
		key.mask(s.Mask)
	}
	_, found := e.table.sets[s.Set].find(key.bytes())
	return found != s.Not
}

func (e *evaluation) mapped(s VerdictMap) (Verdict, bool) {
	key, ok := e.key(s.Fields)
	if !ok {
		return Verdict{}, false
	}
	element, found := e.table.sets[s.Map].find(key.bytes())
	if !found {
		return Verdict{}, false
	}
	return element.Verdict, true
}

// key loads the fields as one key.
func (e *evaluation) key(list []Field) (value, bool) {
	if len(list) == 1 {
		return e.field(list[0])
	}
	var key value
	for _, f := range list {
		v, ok := e.field(f)
		if !ok {
			return value{}, false
		}
		key.append(v)
	}
	return key, true
}

// find searches the sorted elements for the one that holds the key.
func (s *Set) find(key []byte) (*Element, bool) {
	low, high := 0, len(s.Elements)
	for low < high {
		mid := int(uint(low+high) / 2)
		if string(s.Elements[mid].Key) <= string(key) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == 0 {
		return nil, false
	}
	e := &s.Elements[low-1]
	return e, string(e.last()) >= string(key)
}
