// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"encoding/binary"
	"hash/crc32"
)

// SCTP is spoken over raw sockets: many kernels (and containers' hosts) come without SCTP
// sockets, while conntrack and nftables know the protocol all the same. One association is
// INIT, INIT ACK, COOKIE ECHO, COOKIE ACK and then DATA chunks of one line each; nothing is
// retransmitted or acknowledged.

const (
	chunkData       = 0
	chunkInit       = 1
	chunkInitAck    = 2
	chunkAbort      = 6
	chunkCookieEcho = 10
	chunkCookieAck  = 11

	initSize = 16
	dataSize = 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segment is an SCTP packet with one chunk.
type segment struct {
	src, dst uint16
	tag      uint32
	kind     byte
	body     []byte
}

func (s segment) bytes() []byte {
	b := make([]byte, 12, 16+len(s.body)+3)
	binary.BigEndian.PutUint16(b[0:], s.src)
	binary.BigEndian.PutUint16(b[2:], s.dst)
	binary.BigEndian.PutUint32(b[4:], s.tag)
	flags := byte(0)
	if s.kind == chunkData {
		flags = 3 // first and last fragment of its message
	}
	b = append(b, s.kind, flags)
	b = binary.BigEndian.AppendUint16(b, uint16(4+len(s.body)))
	b = append(b, s.body...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b, castagnoli))
	return b
}

func parseSegment(b []byte) (segment, bool) {
	if len(b) < 16 {
		return segment{}, false
	}
	length := int(binary.BigEndian.Uint16(b[14:]))
	if length < 4 || 12+length > len(b) {
		return segment{}, false
	}
	return segment{
		src:  binary.BigEndian.Uint16(b[0:]),
		dst:  binary.BigEndian.Uint16(b[2:]),
		tag:  binary.BigEndian.Uint32(b[4:]),
		kind: b[12],
		body: append([]byte(nil), b[16:12+length]...),
	}, true
}

// initBody is the body of INIT and INIT ACK: tag, window, streams and first sequence number.
func initBody(tag uint32) []byte {
	b := make([]byte, initSize)
	binary.BigEndian.PutUint32(b[0:], tag)
	binary.BigEndian.PutUint32(b[4:], 65536)
	binary.BigEndian.PutUint16(b[8:], 1)
	binary.BigEndian.PutUint16(b[10:], 1)
	binary.BigEndian.PutUint32(b[12:], 1)
	return b
}

// cookieParameter is a state cookie of four bytes, in the form of INIT ACK.
func cookieParameter() []byte { return []byte{0, 7, 0, 8, 'b', 'u', 'l', 'k'} }
