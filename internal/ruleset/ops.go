// SPDX-License-Identifier: Apache-2.0

package ruleset

// OpKind is what an Op does.
type OpKind uint8

// The operations, each one netlink message or a few.
const (
	AddTable OpKind = iota
	DeleteTable
	AddCounter
	DeleteCounter
	AddSet    // without its elements
	DeleteSet // and what is in it
	AddChain  // without its rules
	FlushChain
	AddRules // appends
	DeleteChain
	AddElements
	DeleteElements
)

// Op is one step of a transaction. A list of them is applied as a whole or not at all.
type Op struct {
	Kind   OpKind
	Family Family
	// Counter names the counter of AddCounter and DeleteCounter.
	Counter string
	// Set is the set of the set and element operations. Its Elements are unused.
	Set *Set
	// Elements are those of AddElements and DeleteElements.
	Elements []Element
	// Chain is the chain of the chain operations and of AddRules; Rules are appended for
	// AddRules and unused otherwise.
	Chain *Chain
}
