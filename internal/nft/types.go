// SPDX-License-Identifier: Apache-2.0

package nft

import rs "github.com/bulkhead-net/bulkhead/internal/ruleset"

// Numbers of nft's data types (nftables include/datatype.h). The kernel only keeps them, nft
// prints set elements by them. Six bits each, so that a concatenation fits into one number.
const (
	typeInteger   = 4
	typeIPv4      = 7
	typeIPv6      = 8
	typeEther     = 9
	typeEtherType = 10
	typeARPOp     = 11
	typeProto     = 12
	typeService   = 13
	typeICMP      = 14
	typeTCPFlag   = 15
	typeMark      = 19
	typeCTDir     = 27
	typeICMPv6    = 29
	typePacket    = 31
	typeFibAddr   = 38
	typeIfname    = 41
	typeIGMP      = 42

	typeBits = 6
)

// keyType is how a field of a set's key is stored and described.
type keyType struct {
	number    uint32
	width     int // bytes, unpadded
	byteorder int // of a key that consists of this field only
	typeof    typeof
}

// typeof is an expression of the type, as ruleset prints it in a typeof line: a meta key, a
// template of one of nft's protocol descriptions, or raw bits of the transport header.
type typeof struct {
	kind            int
	metaKey         uint32
	proto, template uint32
	offset, bits    uint32
}

var keyTypes = [...]keyType{
	rs.TypeIfname:  {typeIfname, 16, byteorderHost, typeof{kind: exprMeta, metaKey: 6}},
	rs.TypeIPv4:    {typeIPv4, 4, byteorderBig, typeofPayload(12, 11)},
	rs.TypeIPv6:    {typeIPv6, 16, byteorderBig, typeofPayload(13, 8)},
	rs.TypeEther:   {typeEther, 6, byteorderBig, typeofPayload(17, 2)},
	rs.TypeMark:    {typeMark, 4, byteorderHost, typeof{kind: exprMeta, metaKey: 3}},
	rs.TypeProto:   {typeProto, 1, byteorderMixed, typeof{kind: exprMeta, metaKey: 16}},
	rs.TypeService: {typeService, 2, byteorderBig, typeofPayload(11, 2)},
	rs.TypeTarget: {typeInteger, 16, byteorderBig,
		typeof{kind: exprPayload, offset: 64, bits: 128}},
	rs.TypeClient: {typeInteger, 6, byteorderBig,
		typeof{kind: exprPayload, offset: 288, bits: 48}},
}

func typeofPayload(proto, template uint32) typeof {
	return typeof{kind: exprPayload, proto: proto, template: template}
}

// keyNumber is the type number of a key of these fields.
func keyNumber(types []rs.Type) uint32 {
	var n uint32
	for _, t := range types {
		n = n<<typeBits | keyTypes[t].number
	}
	return n
}

// keyLen is the length of a key of these fields in the kernel.
func keyLen(types []rs.Type) int {
	if len(types) == 1 {
		return keyTypes[types[0]].width
	}
	n := 0
	for _, t := range types {
		n += padded(keyTypes[t].width)
	}
	return n
}

// padded is the room of a field inside a key of several fields: whole registers.
func padded(width int) int { return (width + 3) &^ 3 }

// swapMarks turns a key into the kernel's form or back: only marks differ, which the kernel
// keeps as the processor does.
func swapMarks(types []rs.Type, k []byte) []byte {
	out := append([]byte(nil), k...)
	at := 0
	for _, t := range types {
		if t == rs.TypeMark && len(out) >= at+4 {
			copy(out[at:], hostOrder(out[at:at+4]))
		}
		at += padded(keyTypes[t].width)
	}
	return out
}
