// SPDX-License-Identifier: Apache-2.0

package ruleset

// noType marks fields that no set of ours is keyed by.
const noType Type = 255

// typeInfo describes a set key's field.
type typeInfo struct {
	name   string
	typeof string // an expression of the type, for sets that print with typeof
	width  int    // bytes, unpadded
	format func(Key) string
}

var types = [...]typeInfo{
	TypeIfname:  {"ifname", "iifname", 16, formatName},
	TypeIPv4:    {"ipv4_addr", "ip saddr", 4, formatAddr},
	TypeIPv6:    {"ipv6_addr", "ip6 saddr", 16, formatAddr},
	TypeEther:   {"ether_addr", "ether saddr", 6, formatEther},
	TypeMark:    {"mark", "meta mark", 4, formatHex},
	TypeProto:   {"inet_proto", "meta l4proto", 1, formatProto},
	TypeService: {"inet_service", "th dport", 2, formatNumber},
	TypeTarget:  {"@th,64,128", "@th,64,128", 16, formatHex},
	TypeClient:  {"@th,288,48", "@th,288,48", 6, formatHex},
}

// Families in which a field exists.
const (
	inIP     = 1 << IP
	inIP6    = 1 << IP6
	inBridge = 1 << Bridge
	inRouted = inIP | inIP6
	inAll    = inRouted | inBridge
)

// fieldInfo describes a field. The families are those in which nft and the kernel offer it: ct
// and fib do not exist in the bridge family.
type fieldInfo struct {
	name     string
	families int
	width    int // bytes, unpadded; 0 for an address of the family's own width
	typ      Type
	format   func(Key) string
}

var fields = [fieldCount]fieldInfo{
	IIFName:        {"iifname", inAll, 16, TypeIfname, formatName},
	OIFName:        {"oifname", inAll, 16, TypeIfname, formatName},
	IIFKind:        {"meta iifkind", inAll, 16, noType, formatName},
	OIFKind:        {"meta oifkind", inAll, 16, noType, formatName},
	L4Proto:        {"meta l4proto", inAll, 1, TypeProto, formatProto},
	PacketType:     {"meta pkttype", inAll, 1, noType, formatPacketType},
	PacketMark:     {"meta mark", inAll, 4, TypeMark, formatHex},
	EtherSaddr:     {"ether saddr", inAll, 6, TypeEther, formatEther},
	EtherDaddr:     {"ether daddr", inAll, 6, TypeEther, formatEther},
	EtherType:      {"ether type", inBridge, 2, noType, formatEtherType},
	VLANID:         {"vlan id", inBridge, 2, noType, formatNumber},
	ARPOperation:   {"arp operation", inBridge, 2, noType, formatARPOperation},
	ARPSenderEther: {"arp saddr ether", inBridge, 6, TypeEther, formatEther},
	ARPSenderIP:    {"arp saddr ip", inBridge, 4, TypeIPv4, formatAddr},
	IPSaddr:        {"ip saddr", inIP | inBridge, 4, TypeIPv4, formatAddr},
	IPDaddr:        {"ip daddr", inIP | inBridge, 4, TypeIPv4, formatAddr},
	IPProtocol:     {"ip protocol", inIP | inBridge, 1, TypeProto, formatProto},
	IPHdrLength:    {"ip hdrlength", inIP | inBridge, 1, noType, formatNumber},
	IP6Saddr:       {"ip6 saddr", inIP6 | inBridge, 16, TypeIPv6, formatAddr},
	IP6Daddr:       {"ip6 daddr", inIP6 | inBridge, 16, TypeIPv6, formatAddr},
	IP6HopLimit:    {"ip6 hoplimit", inIP6 | inBridge, 1, noType, formatNumber},
	SourcePort:     {"th sport", inAll, 2, TypeService, formatNumber},
	DestPort:       {"th dport", inAll, 2, TypeService, formatNumber},
	UDPSourcePort:  {"udp sport", inAll, 2, TypeService, formatNumber},
	UDPDestPort:    {"udp dport", inAll, 2, TypeService, formatNumber},
	TCPFlags:       {"tcp flags", inAll, 1, noType, formatTCPFlags},
	ICMPType:       {"icmp type", inIP | inBridge, 1, noType, formatICMP},
	ICMPv6Type:     {"icmpv6 type", inIP6 | inBridge, 1, noType, formatICMPv6},
	IGMPType:       {"igmp type", inIP | inBridge, 1, noType, formatIGMP},
	FragmentNext:   {"frag nexthdr", inIP6 | inBridge, 1, noType, formatProto},
	NDTarget:       {"@th,64,128", inAll, 16, TypeTarget, formatHex},
	DHCPClient:     {"@th,288,48", inAll, 6, TypeClient, formatHex},
	CTDirection:    {"ct direction", inRouted, 1, noType, formatDirection},
	CTMark:         {"ct mark", inRouted, 4, TypeMark, formatHex},
	CTOrigSaddr:    {"ct original ip saddr", inRouted, 0, TypeIPv4, formatAddr},
	CTReplySaddr:   {"ct reply ip saddr", inRouted, 0, TypeIPv4, formatAddr},
	CTReplyPort:    {"ct reply proto-src", inRouted, 2, TypeService, formatNumber},
	CTOrigPort:     {"ct original proto-dst", inRouted, 2, TypeService, formatNumber},
	FibSaddrType:   {"fib saddr type", inRouted, 1, noType, formatAddrType},
}

// text is nft's name of the field in a family.
func (f Field) text(family Family) string {
	switch {
	case f >= fieldCount:
		return "unknown"
	case family == IP6 && f == CTOrigSaddr:
		return "ct original ip6 saddr"
	case family == IP6 && f == CTReplySaddr:
		return "ct reply ip6 saddr"
	}
	return fields[f].name
}

// width is the number of bytes of the field's value in a family.
func (f Field) width(family Family) int {
	switch w := fields[f].width; {
	case w > 0:
		return w
	case family == IP6:
		return 16
	}
	return 4
}

// keyType is the type of a set key that holds the field, noType if none does.
func (f Field) keyType(family Family) Type {
	if fields[f].width == 0 && family == IP6 {
		return TypeIPv6
	}
	return fields[f].typ
}
