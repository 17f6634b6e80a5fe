// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"encoding/binary"
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// expression is one step of a rule in the kernel's register machine.
type expression interface {
	// marshal is the content of one element of NFTA_RULE_EXPRESSIONS.
	marshal(family byte) ([]byte, error)
}

// library is an expression that google/nftables encodes as the kernel reads it.
type library struct{ expr.Any }

func (l library) marshal(family byte) ([]byte, error) { return expr.Marshal(family, l.Any) }

// ctLoad reads a conntrack key. The library writes the direction as four bytes of which the
// kernel reads the first, so that reply becomes original.
type ctLoad struct {
	key uint32
	reg uint32
	dir int8
}

func (c ctLoad) marshal(byte) ([]byte, error) {
	data := attrs(nil).u32(unix.NFTA_CT_KEY, c.key).u32(unix.NFTA_CT_DREG, c.reg)
	if c.dir != noDirection {
		data = data.u8(unix.NFTA_CT_DIRECTION, uint8(c.dir))
	}
	return attrs(nil).str(unix.NFTA_EXPR_NAME, "ct").nest(unix.NFTA_EXPR_DATA, data), nil
}

// setLookup looks a key up in a set. The library always sends a set ID, which has a meaning
// for the anonymous sets of the same transaction only.
type setLookup struct {
	set    string
	id     uint32 // of an anonymous set, else 0
	not    bool
	toVmap bool // follow the verdict found
}

func (l setLookup) marshal(byte) ([]byte, error) {
	data := attrs(nil).u32(unix.NFTA_LOOKUP_SREG, reg1)
	if l.toVmap {
		data = data.u32(unix.NFTA_LOOKUP_DREG, unix.NFT_REG_VERDICT)
	}
	data = data.str(unix.NFTA_LOOKUP_SET, l.set)
	if l.id != 0 {
		data = data.u32(unix.NFTA_LOOKUP_SET_ID, l.id)
	}
	if l.not {
		data = data.u32(unix.NFTA_LOOKUP_FLAGS, unix.NFT_LOOKUP_F_INV)
	}
	return attrs(nil).str(unix.NFTA_EXPR_NAME, "lookup").nest(unix.NFTA_EXPR_DATA, data), nil
}

const reg1 = unix.NFT_REG_1

// register is the register that begins at a byte of the 64 bytes of register space. Whole
// 16-byte registers have names of their own, and nft lists a rule well only when they are
// used.
func register(at int) uint32 {
	if at%16 == 0 {
		return unix.NFT_REG_1 + uint32(at/16)
	}
	return unix.NFT_REG32_00 + uint32(at/4)
}

func compare(not bool, data []byte) expression {
	op := expr.CmpOpEq
	if not {
		op = expr.CmpOpNeq
	}
	return library{&expr.Cmp{Op: op, Register: reg1, Data: data}}
}

// maskTo keeps the masked bits of a register and then flips those of xor.
func maskTo(reg uint32, mask, xor []byte) expression {
	return library{&expr.Bitwise{
		SourceRegister: reg,
		DestRegister:   reg,
		Len:            uint32(len(mask)),
		Mask:           mask,
		Xor:            xor,
	}}
}

// maskOnly keeps the masked bits of a register.
func maskOnly(reg uint32, mask []byte) expression {
	return maskTo(reg, mask, make([]byte, len(mask)))
}

// host32 is a number as registers hold marks.
func host32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// hostOrder turns bytes in network order into the processor's order, or back.
func hostOrder(b []byte) []byte {
	out := slices.Clone(b)
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		slices.Reverse(out)
	}
	return out
}
