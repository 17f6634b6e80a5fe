// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"encoding/binary"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// User data is bytes that the kernel keeps for nft(8) and does not read: records of a type
// byte, a length byte and content (libnftnl/udata.h). Without the right ones nft lists a set
// of marks with swapped bytes and cannot list a set with a raw payload key at all.
const (
	udataComment = 0 // of rules and set elements

	udataElementFlags = 1 // of set elements
	// elementOpen marks an interval that has no end element because it reaches the last
	// value of its type.
	elementOpen = 1

	udataKeyByteorder  = 0 // of sets
	udataDataByteorder = 1
	udataKeyTypeof     = 3
	udataDataInterval  = 6

	udataTypeofExpr = 0 // inside a typeof record
	udataTypeofData = 1
)

// Byte orders, expression kinds and bases as nft numbers them (nftables include/datatype.h,
// expression.h, proto.h of 1.0.6).
const (
	byteorderMixed = 0
	byteorderHost  = 1
	byteorderBig   = 2

	exprPayload = 7
	exprMeta    = 9
	exprConcat  = 13

	protoBaseTransport = 3
)

type udata []byte

func (u udata) bytes(typ uint8, v []byte) udata {
	u = append(u, typ, uint8(len(v)))
	return append(u, v...)
}

func (u udata) u32(typ uint8, v uint32) udata {
	return u.bytes(typ, binary.NativeEndian.AppendUint32(nil, v))
}

// comment adds a comment as ruleset prints it: a quote in it would end the string when a
// listing is loaded again.
func (u udata) comment(s string) udata {
	return u.bytes(udataComment, append([]byte(rs.Sanitize(s)), 0))
}

// findUdata is the content of the first record of the type.
func findUdata(u []byte, typ uint8) []byte {
	for len(u) >= 2 && len(u) >= 2+int(u[1]) {
		if u[0] == typ {
			return u[2 : 2+int(u[1])]
		}
		u = u[2+int(u[1]):]
	}
	return nil
}

// findComment is the comment in a rule's or an element's user data.
func findComment(u []byte) string {
	b := findUdata(u, udataComment)
	if len(b) == 0 {
		return ""
	}
	return string(b[:len(b)-1])
}

// setUdata is what nft writes beside a set so that it can print it again.
func setUdata(s *rs.Set) udata {
	order := byteorderMixed
	if len(s.Types) == 1 {
		order = keyTypes[s.Types[0]].byteorder
	}
	u := udata(nil).u32(udataKeyByteorder, uint32(order))
	if s.Verdicts {
		u = u.u32(udataDataByteorder, byteorderMixed)
	}
	if t := keyTypeof(s.Types); t != nil {
		u = u.bytes(udataKeyTypeof, t)
	}
	if s.Verdicts {
		u = u.u32(udataDataInterval, 0)
	}
	return u
}

// keyTypeof describes the key as a typeof expression. For a concatenation of plain types nft
// writes an empty one; a raw payload field has no name, so its set is wholly described.
func keyTypeof(types []rs.Type) udata {
	raw := false
	for _, t := range types {
		raw = raw || t.Raw()
	}
	switch {
	case len(types) == 1 && raw:
		return fieldTypeof(types[0])
	case len(types) == 1:
		return nil
	}
	var fields udata
	if raw {
		for i, t := range types {
			fields = fields.bytes(uint8(i), fieldTypeof(t))
		}
	}
	return udata(nil).u32(udataTypeofExpr, exprConcat).bytes(udataTypeofData, fields)
}

// fieldTypeof names one field of a set that prints with typeof.
func fieldTypeof(t rs.Type) udata {
	f := keyTypes[t].typeof
	if f.kind == exprMeta {
		data := udata(nil).u32(0, f.metaKey)
		return udata(nil).u32(udataTypeofExpr, exprMeta).bytes(udataTypeofData, data)
	}
	data := udata(nil).u32(0, f.proto).u32(1, f.template)
	if f.bits != 0 {
		data = data.u32(2, protoBaseTransport).u32(3, f.offset).u32(4, f.bits)
	}
	return udata(nil).u32(udataTypeofExpr, exprPayload).bytes(udataTypeofData, data)
}
