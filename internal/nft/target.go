// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// anything is a write of which nothing is known.
func anything(m Mark) write { return value{}.into(m) }

// target is what an extension of xtables does that iptables-nft or ebtables-nft put into a rule.
// Its arguments are a structure of the processor's own layout (linux/netfilter/xt_*.h).
func target(data []attr) []write {
	revision := findU32(data, unix.NFTA_TARGET_REV)
	info := words(find(data, unix.NFTA_TARGET_INFO))
	switch findString(data, unix.NFTA_TARGET_NAME) {
	case "CONNMARK":
		return connmark(revision, info)
	case "MARK":
		// struct xt_mark_tginfo2: mark, mask.
		if revision != 2 || len(info) < 2 {
			return []write{anything(PacketMark)}
		}
		return []write{loaded(PacketMark).and(^info[1]).xor(info[0]).into(PacketMark)}
	case "TPROXY":
		// struct xt_tproxy_target_info and _v1: mark_mask, mark_value, then an address.
		if revision > 1 || len(info) < 2 {
			return []write{anything(PacketMark)}
		}
		return []write{loaded(PacketMark).and(^info[0]).xor(info[1]).into(PacketMark)}
	case "SET":
		// Since revision 3 a set may map to a packet mark. struct xt_set_info_target_v3:
		// add_set, del_set, map_set, each beginning with its index; 65535 is none.
		raw := find(data, unix.NFTA_TARGET_INFO)
		if revision < 3 || len(raw) >= 10 && binary.NativeEndian.Uint16(raw[8:]) == 65535 {
			return nil
		}
		return []write{anything(PacketMark)}
	case "HMARK", "mark": // mark is ebtables'
		return []write{anything(PacketMark)}
	case "CT":
		// struct xt_ct_target_info: flags (16 bits), of which 1 is XT_CT_NOTRACK.
		raw := find(data, unix.NFTA_TARGET_INFO)
		if len(raw) >= 2 && binary.NativeEndian.Uint16(raw)&1 == 0 {
			return nil
		}
		return []write{{untracks: true}}
	case "NOTRACK":
		return []write{{untracks: true}}
	}
	return nil
}

// Modes of CONNMARK.
const (
	connmarkSet     = iota // ct = (ct & ~ctmask) ^ ctmark
	connmarkSave           // ct = (ct & ~ctmask) ^ (packet & nfmask)
	connmarkRestore        // packet = (packet & ~nfmask) ^ (ct & ctmask)
)

// connmark reads struct xt_connmark_tginfo1 and 2: ctmark, ctmask, nfmask, and then bytes: the
// mode, in 2 behind the direction and the number of bits of a shift. What is shifted is what
// goes over from the other mark, and with connmarkSet the whole mark.
func connmark(revision uint32, info []uint32) []write {
	if len(info) < 4 || revision != 1 && revision != 2 {
		return []write{anything(ConntrackMark), anything(PacketMark)}
	}
	ctmark, ctmask, nfmask := info[0], info[1], info[2]
	tail := binary.NativeEndian.AppendUint32(nil, info[3])
	mode, by := tail[0], 0
	if revision == 2 {
		mode, by = tail[2], int(tail[1]%32)
		if tail[0] != 0 {
			by = -by
		}
	}
	switch mode {
	case connmarkSet:
		v := loaded(ConntrackMark).and(^ctmask).xor(ctmark)
		if by != 0 {
			v = v.left(by)
		}
		return []write{v.into(ConntrackMark)}
	case connmarkSave:
		over := ^loaded(PacketMark).and(nfmask).left(by).zero
		return []write{loaded(ConntrackMark).and(^ctmask).xor(over).into(ConntrackMark)}
	case connmarkRestore:
		over := ^loaded(ConntrackMark).and(ctmask).left(by).zero
		return []write{loaded(PacketMark).and(^nfmask).xor(over).into(PacketMark)}
	}
	return []write{anything(ConntrackMark), anything(PacketMark)}
}

// words are the 32-bit numbers of a structure; a rest is left out.
func words(b []byte) []uint32 {
	var ws []uint32
	for ; len(b) >= 4; b = b[4:] {
		ws = append(ws, binary.NativeEndian.Uint32(b))
	}
	return ws
}
