// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"fmt"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// lowering turns the statements of one rule into expressions, as nft 1.0.6 would.
type lowering struct {
	family rs.Family
	known  protocols
	exprs  []expression
	// sets are the anonymous sets that the rule looks up.
	sets []anonymousSet
	// newSetID numbers them inside the transaction.
	newSetID func() uint32
}

// anonymousSet is the constant set of a OneOf statement.
type anonymousSet struct {
	id     uint32
	field  field
	values [][]byte
}

// lowerRule is the rule's expressions and the anonymous sets that must exist before it.
func lowerRule(family rs.Family, r rs.Rule, newSetID func() uint32) (*lowering, error) {
	l := &lowering{family: family, known: protocolsOf(family), newSetID: newSetID}
	for _, s := range r.Statements {
		if err := l.statement(s); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *lowering) add(e ...expression) { l.exprs = append(l.exprs, e...) }

func (l *lowering) statement(s rs.Statement) error {
	switch s := s.(type) {
	case rs.Compare:
		return l.compare(s)
	case rs.Masked:
		return l.masked(s)
	case rs.OneOf:
		return l.oneOf(s)
	case rs.InPrefix:
		return l.inPrefix(s)
	case rs.NamePrefix:
		return l.namePrefix(s)
	case rs.Lookup:
		return l.lookup(s)
	case rs.VerdictMap:
		if err := l.key(s.Fields); err != nil {
			return err
		}
		l.add(setLookup{set: s.Map, toVmap: true})
		return nil
	case rs.Update:
		return l.update(s)
	case rs.States:
		l.states(s)
	case rs.Confirmed:
		l.confirmed()
	case rs.RoutingHeader:
		l.routingHeader()
	case rs.RejectWith:
		l.reject(s)
	case rs.SetMark:
		l.setMark(s)
	case rs.CounterRef:
		// The library sends the name as it is; the kernel reports it with a final zero.
		l.add(library{&expr.Objref{Type: unix.NFT_OBJECT_COUNTER, Name: s.Name + "\x00"}})
	case rs.Log:
		l.add(logTo(s))
	case rs.Verdict:
		l.add(library{&expr.Verdict{Kind: verdictKinds[s.Kind], Chain: s.Chain}})
	default:
		return fmt.Errorf("statement %T: unknown", s)
	}
	return nil
}

// field makes sure that the field may be read and says how.
func (l *lowering) field(name rs.Field) (field, error) {
	f, ok := fieldOf(l.family, name)
	if !ok {
		return field{}, fmt.Errorf("field %d: unknown", name)
	}
	l.require(f.needs)
	return f, nil
}

// read loads a single field into the first register, without the bits of its neighbours.
func (l *lowering) read(name rs.Field) (field, error) {
	f, err := l.field(name)
	if err != nil {
		return field{}, err
	}
	l.add(f.load(reg1))
	if f.mask != 0 {
		l.add(maskOnly(reg1, f.maskBytes()))
	}
	return f, nil
}

// key loads fields side by side, each beginning at a multiple of four bytes. All protocols
// are settled first, since their matches use the first register.
func (l *lowering) key(names []rs.Field) error {
	if len(names) == 1 {
		_, err := l.read(names[0])
		return err
	}
	fs := make([]field, len(names))
	for i, name := range names {
		f, err := l.field(name)
		if err != nil {
			return err
		}
		fs[i] = f
	}
	at := 0
	for _, f := range fs {
		reg := register(at)
		l.add(f.load(reg))
		if f.mask != 0 {
			l.add(maskOnly(reg, f.maskBytes()))
		}
		at += padded(f.width)
	}
	if at > 64 {
		return fmt.Errorf("key of %d bytes: the kernel has 64 bytes of registers", at)
	}
	return nil
}

// maskBytes is the field's mask as it applies to the loaded bytes.
func (f field) maskBytes() []byte {
	if f.width == 1 {
		return []byte{uint8(f.mask)}
	}
	return []byte{uint8(f.mask >> 8), uint8(f.mask)}
}

// checkWidth refuses values that the kernel would compare with something else.
func (f field) checkWidth(k rs.Key) error {
	want := f.width
	if f.source == fromFib {
		want = 1
	}
	if len(k) != want {
		return fmt.Errorf("value of %d bytes: the field has %d", len(k), want)
	}
	return nil
}
