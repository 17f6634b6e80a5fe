// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

func (ix *index) validateChain(c *Chain) error {
	if c.Base != nil && c.Base.Hook > Postrouting {
		return errors.New("has an unknown hook")
	}
	for i, r := range c.Rules {
		if len(r.Statements) == 0 {
			return fmt.Errorf("rule %d: is empty", i)
		}
		if err := ix.validateRule(r); err != nil {
			return fmt.Errorf("rule %d: %w", i, err)
		}
	}
	return nil
}

func (ix *index) validateRule(r Rule) error {
	protocol := false // whether one transport protocol has been asked for
	for i, s := range r.Statements {
		if err := ix.validateStatement(s); err != nil {
			return err
		}
		if i < len(r.Statements)-1 && ends(s) {
			return errors.New("goes on after its verdict")
		}
		if comparesTuplePort(s) && !protocol {
			return errors.New("nft 1.0.6 cannot read a conntrack port without a protocol before it")
		}
		if c, ok := s.(Compare); ok && !c.Not && (c.Field == L4Proto || c.Field == IPProtocol) {
			protocol = true
		}
	}
	return nil
}

// comparesTuplePort tells whether nft has to read a conntrack port as a literal.
func comparesTuplePort(s Statement) bool {
	f := fieldCount
	switch s := s.(type) {
	case Compare:
		f = s.Field
	case OneOf:
		f = s.Field
	}
	return f == CTReplyPort || f == CTOrigPort
}

// ends tells whether nothing can stand after the statement in a rule.
func ends(s Statement) bool {
	switch s.(type) {
	case Verdict, RejectWith, VerdictMap:
		return true
	}
	return false
}

func (ix *index) validateStatement(s Statement) error {
	switch s := s.(type) {
	case Lookup:
		return ix.validateLookup(s)
	case VerdictMap:
		return ix.validateRef(s.Map, s.Fields, true, false)
	case Update:
		if s.Limit != nil && (s.Limit.PerSecond == 0 || s.Limit.Burst == 0) {
			return errors.New("limit lets nothing through")
		}
		return ix.validateRef(s.Set, s.Fields, false, true)
	case CounterRef:
		if !ix.hasCounter(s.Name) {
			return fmt.Errorf("counter %q does not exist", s.Name)
		}
		return nil
	case SetMark:
		if s.CT && ix.table.Family == Bridge {
			return errors.New("ct mark does not exist in the bridge family")
		}
		return nil
	case RejectWith:
		if ix.table.Family == Bridge {
			return errors.New("reject does not exist in the bridge family")
		}
		return nil
	case Verdict:
		return ix.validateVerdict(s)
	case Log:
		return nil
	}
	return validateMatch(ix.table.Family, s)
}

func validateMatch(family Family, s Statement) error {
	switch s := s.(type) {
	case Compare:
		return validValue(s.Field, family, s.Value)
	case Masked:
		return validMask(s, family)
	case OneOf:
		return validOneOf(s, family)
	case InPrefix:
		return validPrefix(s, family)
	case NamePrefix:
		if s.Field != IIFName && s.Field != OIFName {
			return fmt.Errorf("%s has no name prefix", s.Field)
		}
		return ValidInterface(s.Prefix)
	case States:
		if family == Bridge || len(s.States) == 0 || slices.Max(s.States) > StateUntracked {
			return errors.New("ct state is in the bridge family, empty or unknown")
		}
		return nil
	case Confirmed:
		if family == Bridge {
			return errors.New("ct status does not exist in the bridge family")
		}
		return nil
	case RoutingHeader:
		if family == IP {
			return errors.New("exthdr does not exist in the ip family")
		}
		return nil
	}
	return fmt.Errorf("unknown statement %T", s)
}

func validField(f Field, family Family) error {
	if f >= fieldCount || fields[f].families&(1<<family) == 0 {
		return fmt.Errorf("%s does not exist in the %s family", f, family)
	}
	return nil
}

func validValue(f Field, family Family, v Key) error {
	if err := validField(f, family); err != nil {
		return err
	}
	if len(v) != f.width(family) {
		return fmt.Errorf("%s has %d bytes, not %d", f, f.width(family), len(v))
	}
	if f == IIFName || f == OIFName || f == IIFKind || f == OIFKind {
		return validIfname(v)
	}
	return nil
}

func validMask(s Masked, family Family) error {
	if err := validField(s.Field, family); err != nil {
		return err
	}
	switch s.Field {
	case PacketMark, CTMark:
	case TCPFlags:
		if s.Mask > 0xff {
			return errors.New("mask is wider than the tcp flags")
		}
	default:
		return fmt.Errorf("%s cannot be masked", s.Field)
	}
	if s.Mask == 0 || s.Value&^s.Mask != 0 {
		return errors.New("mask is empty or hides a part of the value")
	}
	return nil
}

func validOneOf(s OneOf, family Family) error {
	if s.Field == IIFName || s.Field == OIFName || len(s.Values) == 0 {
		return errors.New("anonymous set is empty or of interface names")
	}
	seen := make(map[Key]bool, len(s.Values))
	for _, v := range s.Values {
		if err := validValue(s.Field, family, v); err != nil {
			return err
		}
		if seen[v] {
			return errors.New("anonymous set holds a value twice")
		}
		seen[v] = true
	}
	return nil
}

func validPrefix(s InPrefix, family Family) error {
	if err := validField(s.Field, family); err != nil {
		return err
	}
	t := s.Field.keyType(family)
	if t != TypeIPv4 && t != TypeIPv6 || !s.Prefix.IsValid() ||
		s.Prefix.Addr().BitLen() != types[t].width*8 || s.Prefix != s.Prefix.Masked() {
		return fmt.Errorf("%s cannot be in %s", s.Field, s.Prefix)
	}
	return nil
}

func (ix *index) validateLookup(s Lookup) error {
	if s.Mask != 0 && (len(s.Fields) != 1 || s.Fields[0] != CTMark && s.Fields[0] != PacketMark) {
		return errors.New("only a single mark can be masked in a lookup")
	}
	return ix.validateRef(s.Set, s.Fields, false, false)
}

// validateRef checks a use of a set: that it exists, is a map or dynamic as needed, and is
// keyed by the fields. A lookup may ask a dynamic set.
func (ix *index) validateRef(name string, list []Field, verdicts, dynamic bool) error {
	s := ix.sets[name]
	switch {
	case s == nil:
		return fmt.Errorf("set %q does not exist", name)
	case s.Verdicts != verdicts:
		return fmt.Errorf("set %s: is used as a map, or a map as a set", name)
	case dynamic && s.Dynamic == nil:
		return fmt.Errorf("set %s: is updated, but not dynamic", name)
	case len(s.Types) != len(list):
		return fmt.Errorf("set %s: has %d fields, not %d", name, len(s.Types), len(list))
	}
	var wrong []string
	for i, f := range list {
		if err := validField(f, ix.table.Family); err != nil {
			return err
		}
		if f.keyType(ix.table.Family) != s.Types[i] {
			wrong = append(wrong, f.text(ix.table.Family))
		}
	}
	if wrong != nil {
		return fmt.Errorf("set %s: is not keyed by %s", name, strings.Join(wrong, ", "))
	}
	return nil
}
