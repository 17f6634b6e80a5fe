// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// source is where a field is read from.
type source uint8

const (
	fromMeta    source = iota // key: a meta key
	fromLink                  // key: offset in the link layer header
	fromNetwork               // key: offset in the network header
	fromTransport
	fromCT // key: a conntrack key
	fromFib
	fromFragment // the fragment header's first byte
)

// field is how the kernel reads a ruleset.Field. A field in host order is written in network
// order in ruleset and swapped here.
type field struct {
	source source
	key    uint32
	width  int
	dir    int8   // of a conntrack key: 0 original, 1 reply, noDirection
	mask   uint16 // bits of the loaded bytes that belong to the field; 0 for all
	needs  need
	number uint32 // nft's type, for anonymous sets
	host   bool   // kept in host byte order
}

const noDirection = -1

// Of linux/netfilter/nf_tables.h, missing in x/sys.
const (
	metaIIFKind = 26 // NFT_META_IIFKIND
	metaOIFKind = 27 // NFT_META_OIFKIND
)

// need is the protocol that must be known before a field may be read.
type need uint8

const (
	needNothing need = iota
	needEther
	needIP
	needIP6
	needARP
	needVLAN
	needTCP
	needUDP
	needICMP
	needICMPv6
	needIGMP
	needIP6Type
)

var fields = map[rs.Field]field{
	rs.IIFName:    meta(unix.NFT_META_IIFNAME, 16, typeIfname),
	rs.OIFName:    meta(unix.NFT_META_OIFNAME, 16, typeIfname),
	rs.IIFKind:    meta(metaIIFKind, 16, typeIfname),
	rs.OIFKind:    meta(metaOIFKind, 16, typeIfname),
	rs.L4Proto:    meta(unix.NFT_META_L4PROTO, 1, typeProto),
	rs.PacketType: meta(unix.NFT_META_PKTTYPE, 1, typePacket),
	rs.PacketMark: hostField(meta(unix.NFT_META_MARK, 4, typeMark)),

	rs.EtherDaddr: payload(fromLink, 0, 6, needEther, typeEther),
	rs.EtherSaddr: payload(fromLink, 6, 6, needEther, typeEther),
	rs.EtherType:  payload(fromLink, 12, 2, needNothing, typeEtherType),
	rs.VLANID:     masked(payload(fromLink, 14, 2, needVLAN, typeInteger), 0x0fff),

	rs.ARPOperation:   payload(fromNetwork, 6, 2, needARP, typeARPOp),
	rs.ARPSenderEther: payload(fromNetwork, 8, 6, needARP, typeEther),
	rs.ARPSenderIP:    payload(fromNetwork, 14, 4, needARP, typeIPv4),

	rs.IPHdrLength: masked(payload(fromNetwork, 0, 1, needIP, typeInteger), 0x0f),
	rs.IPProtocol:  payload(fromNetwork, 9, 1, needIP, typeProto),
	rs.IPSaddr:     payload(fromNetwork, 12, 4, needIP, typeIPv4),
	rs.IPDaddr:     payload(fromNetwork, 16, 4, needIP, typeIPv4),
	rs.IP6HopLimit: payload(fromNetwork, 7, 1, needIP6, typeInteger),
	rs.IP6Saddr:    payload(fromNetwork, 8, 16, needIP6, typeIPv6),
	rs.IP6Daddr:    payload(fromNetwork, 24, 16, needIP6, typeIPv6),

	rs.SourcePort:    payload(fromTransport, 0, 2, needNothing, typeService),
	rs.DestPort:      payload(fromTransport, 2, 2, needNothing, typeService),
	rs.UDPSourcePort: payload(fromTransport, 0, 2, needUDP, typeService),
	rs.UDPDestPort:   payload(fromTransport, 2, 2, needUDP, typeService),
	rs.TCPFlags:      payload(fromTransport, 13, 1, needTCP, typeTCPFlag),
	rs.ICMPType:      payload(fromTransport, 0, 1, needICMP, typeICMP),
	rs.ICMPv6Type:    payload(fromTransport, 0, 1, needICMPv6, typeICMPv6),
	rs.IGMPType:      payload(fromTransport, 0, 1, needIGMP, typeIGMP),
	rs.FragmentNext:  {source: fromFragment, width: 1, needs: needIP6Type, number: typeProto},
	rs.NDTarget:      payload(fromTransport, 8, 16, needNothing, typeInteger),

	rs.DHCPClient: payload(fromTransport, 36, 6, needNothing, typeInteger),

	rs.CTDirection: ct(unix.NFT_CT_DIRECTION, 1, noDirection, typeCTDir),
	rs.CTMark:      hostField(ct(unix.NFT_CT_MARK, 4, noDirection, typeMark)),
	rs.CTReplyPort: ct(unix.NFT_CT_PROTO_SRC, 2, 1, typeService),
	rs.CTOrigPort:  ct(unix.NFT_CT_PROTO_DST, 2, 0, typeService),
	// The untyped keys NFT_CT_SRC and NFT_CT_DST take their width from the table's family
	// and make nft print a different name, so the typed ones are used.
	rs.CTOrigSaddr:  ct(unix.NFT_CT_SRC_IP, 4, 0, typeIPv4),
	rs.CTReplySaddr: ct(unix.NFT_CT_SRC_IP, 4, 1, typeIPv4),

	rs.FibSaddrType: hostField(field{source: fromFib, width: 4, number: typeFibAddr}),
}

func meta(key uint32, width int, number uint32) field {
	return field{source: fromMeta, key: key, width: width, number: number}
}

func payload(src source, offset uint32, width int, needs need, number uint32) field {
	return field{source: src, key: offset, width: width, needs: needs, number: number}
}

func ct(key uint32, width int, dir int8, number uint32) field {
	return field{source: fromCT, key: key, width: width, dir: dir, number: number}
}

func masked(f field, mask uint16) field { f.mask = mask; return f }

func hostField(f field) field { f.host = true; return f }

// fieldOf is how a family reads a field.
func fieldOf(family rs.Family, name rs.Field) (field, bool) {
	f, ok := fields[name]
	if ok && family == rs.IP6 && f.source == fromCT && f.key == unix.NFT_CT_SRC_IP {
		f.key, f.width, f.number = unix.NFT_CT_SRC_IP6, 16, typeIPv6
	}
	return f, ok
}

// load reads the field into a register.
func (f field) load(reg uint32) expression {
	switch f.source {
	case fromMeta:
		return library{&expr.Meta{Key: expr.MetaKey(f.key), Register: reg}}
	case fromCT:
		return ctLoad{key: f.key, reg: reg, dir: f.dir}
	case fromFragment:
		return library{&expr.Exthdr{DestRegister: reg, Type: unix.IPPROTO_FRAGMENT, Len: 1,
			Op: expr.ExthdrOpIpv6}}
	case fromFib:
		return library{&expr.Fib{Register: reg, FlagSADDR: true, ResultADDRTYPE: true}}
	}
	return library{&expr.Payload{
		OperationType: expr.PayloadLoad,
		DestRegister:  reg,
		Base:          f.base(),
		Offset:        f.key,
		Len:           uint32(f.width),
	}}
}

func (f field) base() expr.PayloadBase {
	switch f.source {
	case fromLink:
		return expr.PayloadBaseLLHeader
	case fromNetwork:
		return expr.PayloadBaseNetworkHeader
	}
	return expr.PayloadBaseTransportHeader
}

// value turns a value in network order, as ruleset writes it, into the field's own form.
func (f field) value(k []byte) []byte {
	if f.source == fromFib && len(k) == 1 {
		k = []byte{0, 0, 0, k[0]}
	}
	if f.host {
		return hostOrder(k)
	}
	return k
}
