// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"encoding/binary"
	"fmt"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

func (l *lowering) compare(s rs.Compare) error {
	f, err := l.read(s.Field)
	if err != nil {
		return err
	}
	if err := f.checkWidth(s.Value); err != nil {
		return err
	}
	l.add(compare(s.Not, f.value([]byte(s.Value))))
	if !s.Not {
		l.learn(s.Field, s.Value)
	}
	return nil
}

func (l *lowering) masked(s rs.Masked) error {
	f, err := l.field(s.Field)
	if err != nil {
		return err
	}
	mask := f.value(lastBytes(s.Mask, f.width))
	l.add(f.load(reg1), maskOnly(reg1, mask))
	l.add(compare(s.Not, f.value(lastBytes(s.Value, f.width))))
	return nil
}

// lastBytes is the number in the last width bytes, at most four, of network order.
func lastBytes(v uint32, width int) []byte {
	b := binary.BigEndian.AppendUint32(nil, v)
	return b[max(0, len(b)-width):]
}

func (l *lowering) oneOf(s rs.OneOf) error {
	if len(s.Values) == 1 {
		// nft writes a set of one value as a comparison, and lists it so.
		return l.compare(rs.Compare{Field: s.Field, Not: s.Not, Value: s.Values[0]})
	}
	f, err := l.read(s.Field)
	if err != nil {
		return err
	}
	set := anonymousSet{id: l.newSetID(), field: f}
	for _, v := range s.Values {
		if err := f.checkWidth(v); err != nil {
			return err
		}
		set.values = append(set.values, f.value([]byte(v)))
	}
	l.sets = append(l.sets, set)
	l.add(setLookup{set: anonymousName, id: set.id, not: s.Not})
	return nil
}

// inPrefix compares whole bytes where it can: a shorter load instead of a mask, which is what
// nft sends and what it prints as a prefix again.
func (l *lowering) inPrefix(s rs.InPrefix) error {
	f, err := l.field(s.Field)
	if err != nil {
		return err
	}
	addr, bits := s.Prefix.Masked().Addr().AsSlice(), s.Prefix.Bits()
	if len(addr) != f.width || bits < 0 {
		return fmt.Errorf("prefix %v: the field has %d bytes", s.Prefix, f.width)
	}
	if bits > 0 && bits%8 == 0 {
		if f.source != fromCT {
			f.width = bits / 8
		}
		l.add(f.load(reg1), compare(s.Not, addr[:bits/8]))
		return nil
	}
	mask := make([]byte, len(addr))
	for i := range bits {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	l.add(f.load(reg1), maskOnly(reg1, mask), compare(s.Not, addr))
	return nil
}

// namePrefix compares the first bytes of the 16 that hold a name.
func (l *lowering) namePrefix(s rs.NamePrefix) error {
	if s.Prefix == "" || len(s.Prefix) >= unix.IFNAMSIZ {
		return fmt.Errorf("name prefix %q: must have 1 to %d bytes", s.Prefix, unix.IFNAMSIZ-1)
	}
	if _, err := l.read(s.Field); err != nil {
		return err
	}
	l.add(compare(false, []byte(s.Prefix)))
	return nil
}

func (l *lowering) lookup(s rs.Lookup) error {
	if s.Mask == 0 {
		if err := l.key(s.Fields); err != nil {
			return err
		}
		l.add(setLookup{set: s.Set, not: s.Not})
		return nil
	}
	if len(s.Fields) != 1 {
		return fmt.Errorf("lookup in %s: a mask needs a single field", s.Set)
	}
	f, err := l.field(s.Fields[0])
	if err != nil {
		return err
	}
	l.add(f.load(reg1), maskOnly(reg1, f.value(lastBytes(s.Mask, f.width))))
	l.add(setLookup{set: s.Set, not: s.Not})
	return nil
}

// stateBits are those of enum ip_conntrack_info as nft_ct presents them.
var stateBits = [...]uint32{
	rs.StateNew:         expr.CtStateBitNEW,
	rs.StateEstablished: expr.CtStateBitESTABLISHED,
	rs.StateRelated:     expr.CtStateBitRELATED,
	rs.StateInvalid:     expr.CtStateBitINVALID,
	rs.StateUntracked:   expr.CtStateBitUNTRACKED,
}

func (l *lowering) states(s rs.States) {
	var bits uint32
	for _, state := range s.States {
		bits |= stateBits[state]
	}
	l.add(ctLoad{key: unix.NFT_CT_STATE, reg: reg1, dir: noDirection})
	l.add(maskOnly(reg1, host32(bits)), compare(true, host32(0)))
}

// statusConfirmed is IPS_CONFIRMED of linux/netfilter/nf_conntrack_common.h.
const statusConfirmed = 1 << 3

func (l *lowering) confirmed() {
	l.add(ctLoad{key: unix.NFT_CT_STATUS, reg: reg1, dir: noDirection})
	l.add(maskOnly(reg1, host32(statusConfirmed)), compare(true, host32(0)))
}

func (l *lowering) routingHeader() {
	l.add(library{&expr.Exthdr{
		DestRegister: reg1,
		Type:         unix.IPPROTO_ROUTING,
		Len:          1,
		Flags:        unix.NFT_EXTHDR_F_PRESENT,
		Op:           expr.ExthdrOpIpv6,
	}}, compare(false, []byte{1}))
}
