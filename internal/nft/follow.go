// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// marks are bits of each Mark.
type marks = [PacketMark + 1]uint32

// write is what a rule does to a mark: the bits that it can set, whatever they were, and those
// that it clears at most. Bits of neither stay as they are.
type write struct {
	mark       Mark
	set, clear uint32
	untracks   bool // no mark is written; packets are left untracked
}

// value is what is known of 32 bits in a register: which are those of a mark in their places,
// and which are zero. Of the others nothing is known, which is all there is to say of a one.
type value struct {
	of         Mark
	same, zero uint32
}

// and clears the bits outside of a mask.
func (v value) and(mask uint32) value {
	return value{of: v.of, same: v.same & mask, zero: v.zero | ^mask}
}

// xor flips bits.
func (v value) xor(flip uint32) value {
	return value{of: v.of, same: v.same &^ flip, zero: v.zero &^ flip}
}

// left shifts bits; to the right for negative numbers. A bit of a mark elsewhere may be anything.
func (v value) left(by int) value {
	if by < 0 {
		return value{of: v.of, zero: v.zero>>-by | ^(^uint32(0) >> -by)}
	}
	return value{of: v.of, zero: v.zero<<by | ^(^uint32(0) << by)}
}

// into is what it does to a mark when the value is written there.
func (v value) into(m Mark) write {
	if v.of != m {
		v.same = 0
	}
	return write{mark: m, set: ^(v.same | v.zero), clear: v.zero &^ v.same}
}

func constant(v uint32) value { return value{zero: ^v} }

func loaded(m Mark) value { return value{of: m, same: ^uint32(0)} }

// registers are known values by the number of the 32-bit register.
type registers map[uint32]value

// slot is the 32-bit register where a register begins.
func slot(reg uint32) uint32 {
	if reg >= unix.NFT_REG_1 && reg <= unix.NFT_REG_4 {
		return unix.NFT_REG32_00 + 4*(reg-unix.NFT_REG_1)
	}
	return reg
}

// followRule walks over the expressions of a rule. One that is not known here may have written
// any register.
func followRule(list []attr) []write {
	var found []write
	known := registers{}
	for _, e := range list {
		expr, _ := parseAttrs(e.data)
		data := findNest(expr, unix.NFTA_EXPR_DATA)
		switch findString(expr, unix.NFTA_EXPR_NAME) {
		case "immediate":
			known.immediate(data)
		case "meta":
			isMark := findU32(data, unix.NFTA_META_KEY) == unix.NFT_META_MARK
			found = append(found, known.access(PacketMark, isMark,
				find(data, unix.NFTA_META_SREG), find(data, unix.NFTA_META_DREG))...)
		case "ct":
			isMark := findU32(data, unix.NFTA_CT_KEY) == unix.NFT_CT_MARK
			found = append(found, known.access(ConntrackMark, isMark,
				find(data, unix.NFTA_CT_SREG), find(data, unix.NFTA_CT_DREG))...)
		case "bitwise":
			known.bitwise(data)
		case "notrack":
			found = append(found, write{untracks: true})
		case "target":
			found = append(found, target(data)...)
		default:
			clear(known)
		}
	}
	return found
}

func (r registers) immediate(data []attr) {
	value := findNest(data, unix.NFTA_IMMEDIATE_DATA)
	if findU32(data, unix.NFTA_IMMEDIATE_DREG) == unix.NFT_REG_VERDICT {
		return
	}
	b := find(value, unix.NFTA_DATA_VALUE)
	if len(b) != 4 {
		clear(r)
		return
	}
	r[slot(findU32(data, unix.NFTA_IMMEDIATE_DREG))] = constant(binary.NativeEndian.Uint32(b))
}

// access is a load of a key into a register, or a write of one from a register. The key may be
// a mark; another one that is loaded fills any number of registers.
func (r registers) access(m Mark, isMark bool, from, to []byte) []write {
	switch {
	case from != nil && isMark:
		return []write{r[registerIn(from)].into(m)}
	case from != nil:
	case isMark && len(to) == 4:
		r[registerIn(to)] = loaded(m)
	default:
		clear(r)
	}
	return nil
}

// registerIn is the 32-bit register that an attribute names, one that never is known if it
// cannot be read.
func registerIn(b []byte) uint32 {
	if len(b) != 4 {
		return unix.NFT_REG_VERDICT
	}
	return slot(binary.BigEndian.Uint32(b))
}

// Operations of bitwise.
const (
	bitwiseMaskXor = iota
	bitwiseLeft
	bitwiseRight
)

func (r registers) bitwise(data []attr) {
	v := r[slot(findU32(data, unix.NFTA_BITWISE_SREG))]
	mask := find(findNest(data, unix.NFTA_BITWISE_MASK), unix.NFTA_DATA_VALUE)
	flip := find(findNest(data, unix.NFTA_BITWISE_XOR), unix.NFTA_DATA_VALUE)
	by := find(findNest(data, attrBitwiseData), unix.NFTA_DATA_VALUE)
	op := findU32(data, attrBitwiseOp)
	switch {
	case findU32(data, unix.NFTA_BITWISE_LEN) != 4:
		clear(r)
		return
	case op == bitwiseMaskXor && len(mask) == 4 && len(flip) == 4:
		v = v.and(binary.NativeEndian.Uint32(mask)).xor(binary.NativeEndian.Uint32(flip))
	case op == bitwiseLeft && len(by) == 4:
		v = v.left(shift(by))
	case op == bitwiseRight && len(by) == 4:
		v = v.left(-shift(by))
	default:
		v = value{}
	}
	r[slot(findU32(data, unix.NFTA_BITWISE_DREG))] = v
}

// shift is a number of bits; the kernel accepts less than 32.
func shift(b []byte) int { return int(binary.NativeEndian.Uint32(b) % 32) }

// Of linux/netfilter/nf_tables.h, missing in x/sys.
const (
	attrBitwiseOp   = 6 // NFTA_BITWISE_OP
	attrBitwiseData = 7 // NFTA_BITWISE_DATA
)
