// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"
)

// agrees tells whether a mark that went from old to fresh did what a write promised.
func (w write) agrees(old, fresh uint32) bool {
	return (old^fresh)&^(w.set|w.clear) == 0 && fresh&w.clear == 0
}

// What is said of a write holds for whatever the operations really do.
func TestValuesHoldWhatTheyPromise(t *testing.T) {
	seed := rand.Uint64()
	dice := rand.New(rand.NewPCG(seed, 0))
	for range 20_000 {
		old := [...]uint32{ConntrackMark: dice.Uint32(), PacketMark: dice.Uint32()}
		from, to := Mark(dice.IntN(2)), Mark(dice.IntN(2))
		v, real := loaded(from), old[from]
		if dice.IntN(4) == 0 {
			real = dice.Uint32()
			v = constant(real)
		}
		for range dice.IntN(4) {
			operand, by := dice.Uint32(), dice.IntN(32)
			switch dice.IntN(4) {
			case 0:
				v, real = v.and(operand), real&operand
			case 1:
				v, real = v.xor(operand), real^operand
			case 2:
				v, real = v.left(by), real<<by
			case 3:
				v, real = v.left(-by), real>>by
			}
		}
		if w := v.into(to); w.mark != to || !w.agrees(old[to], real) {
			t.Fatalf("seed %d: mark %08x became %08x, which %+v excludes", seed, old[to], real, w)
		}
	}
}

// The same for CONNMARK, against the kernel's own formulas (net/netfilter/xt_connmark.c).
func TestConnmarkHoldsWhatItPromises(t *testing.T) {
	seed := rand.Uint64()
	dice := rand.New(rand.NewPCG(seed, 0))
	for range 20_000 {
		ct, packet := dice.Uint32(), dice.Uint32()
		info := []uint32{dice.Uint32() & dice.Uint32(), dice.Uint32(), dice.Uint32(), 0}
		mode, right, by := byte(dice.IntN(3)), byte(dice.IntN(2)), byte(dice.IntN(32)*dice.IntN(2))
		info[3] = binary.NativeEndian.Uint32([]byte{right, by, mode, 0})
		shift := func(v uint32) uint32 {
			if right == 1 {
				return v >> by
			}
			return v << by
		}
		old, fresh := ct, uint32(0)
		switch mode {
		case connmarkSet:
			fresh = shift(ct&^info[1] ^ info[0])
		case connmarkSave:
			fresh = ct&^info[1] ^ shift(packet&info[2])
		case connmarkRestore:
			old, fresh = packet, packet&^info[2]^shift(ct&info[1])
		}
		ws := connmark(2, info)
		if len(ws) != 1 || !ws[0].agrees(old, fresh) {
			t.Fatalf("seed %d: %x: mark %08x became %08x, which %+v excludes", seed, info, old,
				fresh, ws)
		}
	}
}

// kernelExpression is one expression as the kernel reports it.
func kernelExpression(name string, data attrs) attrs {
	return attrs(nil).str(unix.NFTA_EXPR_NAME, name).nest(unix.NFTA_EXPR_DATA, data)
}

// Registers overlap, and what fills one forgets what was in it.
func TestRegistersForget(t *testing.T) {
	load := func(reg uint32) attrs {
		return kernelExpression("ct", attrs(nil).u32(unix.NFTA_CT_DREG, reg).
			u32(unix.NFTA_CT_KEY, unix.NFT_CT_MARK))
	}
	set := func(reg uint32) attrs {
		return kernelExpression("ct", attrs(nil).u32(unix.NFTA_CT_SREG, reg).
			u32(unix.NFTA_CT_KEY, unix.NFT_CT_MARK))
	}
	name := kernelExpression("meta", attrs(nil).u32(unix.NFTA_META_DREG, unix.NFT_REG_1).
		u32(unix.NFTA_META_KEY, unix.NFT_META_IIFNAME))
	constant := func(reg uint32, size int) attrs {
		return kernelExpression("immediate", attrs(nil).u32(unix.NFTA_IMMEDIATE_DREG, reg).
			nest(unix.NFTA_IMMEDIATE_DATA, attrs(nil).bytes(unix.NFTA_DATA_VALUE,
				make([]byte, size))))
	}
	const all = ^uint32(0)
	for _, c := range []struct {
		name       string
		rule       []attrs
		set, clear uint32
	}{
		{"the mark itself", []attrs{load(1), set(1)}, 0, 0},
		{"by another name", []attrs{load(unix.NFT_REG_2), set(unix.NFT_REG32_04)}, 0, 0},
		{"another register", []attrs{load(unix.NFT_REG_1), set(unix.NFT_REG32_01)}, all, 0},
		{"nothing loaded", []attrs{set(1)}, all, 0},
		{"another key", []attrs{load(1), name, set(1)}, all, 0},
		{"the end of another key", []attrs{load(unix.NFT_REG32_03), name,
			set(unix.NFT_REG32_03)}, all, 0},
		{"a constant", []attrs{load(1), constant(1, 4), set(1)}, 0, all},
		{"a long constant", []attrs{load(unix.NFT_REG32_02), constant(1, 16),
			set(unix.NFT_REG32_02)}, all, 0},
		{"something unknown", []attrs{load(1), kernelExpression("news", nil), set(1)}, all, 0},
	} {
		var list attrs
		for _, e := range c.rule {
			list = list.nest(unix.NFTA_LIST_ELEM, e)
		}
		as, _ := parseAttrs(list)
		got := followRule(as)
		if len(got) != 1 || got[0] != (write{set: c.set, clear: c.clear}) {
			t.Errorf("%s: got %+v, want set %08x, clear %08x", c.name, got, c.set, c.clear)
		}
	}
}

// Damaged arguments count as those of the worst.
func TestUnknownTargetsAreFeared(t *testing.T) {
	name := func(s string, revision uint32, info []byte) []attr {
		as, _ := parseAttrs(attrs(nil).str(unix.NFTA_TARGET_NAME, s).
			u32(unix.NFTA_TARGET_REV, revision).bytes(unix.NFTA_TARGET_INFO, info))
		return as
	}
	for _, c := range []struct {
		name     string
		revision uint32
		info     []byte
		want     int
	}{
		{"MARK", 3, make([]byte, 8), 1}, {"MARK", 2, make([]byte, 4), 1},
		{"CONNMARK", 9, make([]byte, 16), 2}, {"CONNMARK", 2, make([]byte, 12), 2},
		{"CONNMARK", 1, []byte{12: 3, 15: 0}, 2}, {"TPROXY", 2, make([]byte, 40), 1},
		{"HMARK", 0, nil, 1}, {"mark", 0, nil, 1}, {"SET", 3, make([]byte, 20), 1},
		{"SET", 3, []byte{8: 255, 9: 255, 19: 0}, 0}, {"SET", 2, nil, 0}, {"TCPMSS", 0, nil, 0},
	} {
		got := target(name(c.name, c.revision, c.info))
		if len(got) != c.want {
			t.Errorf("%s revision %d: got %+v, want %d writes", c.name, c.revision, got, c.want)
		}
		for _, w := range got {
			if w.set != ^uint32(0) {
				t.Errorf("%s revision %d: got %+v, want all bits", c.name, c.revision, w)
			}
		}
	}
}

// A rule of others is read whatever is in it, and never beyond its end.
func FuzzFollow(f *testing.F) {
	set := attrs(nil).u32(unix.NFTA_CT_KEY, unix.NFT_CT_MARK).u32(unix.NFTA_CT_SREG, 1)
	f.Add([]byte(attrs(nil).nest(unix.NFTA_RULE_EXPRESSIONS, attrs(nil).nest(unix.NFTA_LIST_ELEM,
		attrs(nil).str(unix.NFTA_EXPR_NAME, "ct").nest(unix.NFTA_EXPR_DATA, set)))))
	mark := attrs(nil).str(unix.NFTA_TARGET_NAME, "CONNMARK").u32(unix.NFTA_TARGET_REV, 2).
		bytes(unix.NFTA_TARGET_INFO, make([]byte, 16))
	f.Add([]byte(attrs(nil).nest(unix.NFTA_RULE_EXPRESSIONS, attrs(nil).nest(unix.NFTA_LIST_ELEM,
		attrs(nil).str(unix.NFTA_EXPR_NAME, "target").nest(unix.NFTA_EXPR_DATA, mark)))))
	f.Fuzz(func(t *testing.T, data []byte) {
		as, _ := parseAttrs(data)
		ours := marks{0xffff0000, 1 << 24}
		for _, w := range ruleWriters(2, as, ours) {
			if w.Kind != Untracks && w.Bits&^ours[w.Mark] != 0 {
				t.Errorf("got %v, want bits of ours", w)
			}
		}
	})
}
