// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"time"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// Of linux/netfilter/nf_tables.h, missing in x/sys.
const (
	attrSetExpr        = 17 // NFTA_SET_EXPR
	attrSetExpressions = 18 // NFTA_SET_EXPRESSIONS
	setFlagExpr        = 1 << 7
)

const verdictType = unix.NFT_DATA_VERDICT

// anonymousName makes the kernel choose a name.
const anonymousName = "__set%d"

// set describes a set. No size is declared for one that only we fill: it would make the
// kernel choose a hash of fixed size, and refuse the element that is one too many.
func (b *batch) set(table attrs, s *rs.Set) attrs {
	a := table.str(unix.NFTA_SET_NAME, s.Name).
		u32(unix.NFTA_SET_FLAGS, setFlags(s)).
		u32(unix.NFTA_SET_KEY_TYPE, keyNumber(s.Types)).
		u32(unix.NFTA_SET_KEY_LEN, uint32(keyLen(s.Types)))
	if s.Verdicts {
		a = a.u32(unix.NFTA_SET_DATA_TYPE, verdictType).u32(unix.NFTA_SET_DATA_LEN, 0)
	}
	a = a.u32(unix.NFTA_SET_ID, b.newSetID())
	if d := s.Dynamic; d != nil {
		if d.Size != 0 {
			a = a.nest(unix.NFTA_SET_DESC, attrs(nil).u32(unix.NFTA_SET_DESC_SIZE, d.Size))
		}
		if d.Timeout != 0 {
			a = a.u64(unix.NFTA_SET_TIMEOUT, uint64(d.Timeout/time.Millisecond))
		}
		if d.Counter {
			counter := attrs(nil).str(unix.NFTA_EXPR_NAME, "counter").nest(unix.NFTA_EXPR_DATA, nil)
			a = a.nest(attrSetExpr, counter)
		}
	}
	return a.bytes(unix.NFTA_SET_USERDATA, setUdata(s))
}

func setFlags(s *rs.Set) uint32 {
	var flags uint32
	if s.Verdicts {
		flags |= unix.NFT_SET_MAP
	}
	if s.Interval {
		flags |= unix.NFT_SET_INTERVAL
	}
	if d := s.Dynamic; d != nil {
		flags |= unix.NFT_SET_EVAL
		if d.Timeout != 0 {
			flags |= unix.NFT_SET_TIMEOUT
		}
	}
	return flags
}

// anonymous adds the constant set of a OneOf statement and its elements.
func (b *batch) anonymous(s anonymousSet) {
	order := uint32(byteorderBig)
	if s.field.hostOrdered() {
		order = byteorderHost
	}
	size := attrs(nil).u32(unix.NFTA_SET_DESC_SIZE, uint32(len(s.values)))
	b.message(unix.NFT_MSG_NEWSET, unix.NLM_F_CREATE, attrs(nil).
		str(unix.NFTA_SET_TABLE, rs.TableName).
		str(unix.NFTA_SET_NAME, anonymousName).
		u32(unix.NFTA_SET_FLAGS, unix.NFT_SET_ANONYMOUS|unix.NFT_SET_CONSTANT).
		u32(unix.NFTA_SET_KEY_TYPE, s.field.number).
		u32(unix.NFTA_SET_KEY_LEN, uint32(s.field.width)).
		u32(unix.NFTA_SET_ID, s.id).
		nest(unix.NFTA_SET_DESC, size).
		bytes(unix.NFTA_SET_USERDATA, udata(nil).u32(udataKeyByteorder, order)))
	list := elementList{set: anonymousName, id: s.id}
	for _, v := range s.values {
		list.add(b, unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE, kernelElement{key: v}.encode())
	}
	list.flush(b, unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE)
}

// hostOrdered says whether nft takes the field for a number in the processor's order: what
// does not come out of a packet is.
func (f field) hostOrdered() bool {
	switch f.source {
	case fromMeta, fromFib:
		return true
	case fromCT:
		return f.host || f.dir == noDirection
	}
	return false
}
