// SPDX-License-Identifier: Apache-2.0

package ruleset

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// valueText is a value of the field as nft writes it.
func valueText(f Field, family Family, v Key) string {
	if f >= fieldCount || len(v) != f.width(family) {
		return formatHex(v)
	}
	return fields[f].format(v)
}

func formatHex(k Key) string { return "0x" + hex.EncodeToString([]byte(k)) }

func formatName(k Key) string {
	name, _, _ := strings.Cut(string(k), "\x00")
	return quote(name)
}

func quote(text string) string { return `"` + Sanitize(text) + `"` }

func formatAddr(k Key) string {
	a, _ := netip.AddrFromSlice([]byte(k))
	return a.String()
}

func formatEther(k Key) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", k[0], k[1], k[2], k[3], k[4], k[5])
}

func number(k Key) uint64 {
	var n uint64
	for i := 0; i < len(k); i++ {
		n = n<<8 | uint64(k[i])
	}
	return n
}

func formatNumber(k Key) string { return strconv.FormatUint(number(k), 10) }

// word is the name of the value, or the number where nft 1.0.6 has no name for it.
func word(names map[uint64]string, k Key) string {
	if w, ok := names[number(k)]; ok {
		return w
	}
	return formatNumber(k)
}

func formatProto(k Key) string        { return word(protoWords, k) }
func formatPacketType(k Key) string   { return word(packetTypeWords, k) }
func formatARPOperation(k Key) string { return word(arpWords, k) }
func formatICMP(k Key) string         { return word(icmpWords, k) }
func formatIGMP(k Key) string         { return word(igmpWords, k) }
func formatICMPv6(k Key) string       { return word(icmpv6Words, k) }
func formatDirection(k Key) string    { return word(directionWords, k) }
func formatAddrType(k Key) string     { return word(addrTypeWords, k) }

func formatEtherType(k Key) string {
	if w, ok := etherTypeWords[number(k)]; ok {
		return w
	}
	return formatHex(k)
}

func formatTCPFlags(k Key) string { return tcpFlags(uint32(number(k))) }

// tcpFlags names the flags; several stand in parentheses, joined by "|".
func tcpFlags(flags uint32) string {
	var set []string
	for i, name := range tcpFlagWords {
		if flags&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	switch {
	case len(set) == 0 || flags>>len(tcpFlagWords) != 0:
		return fmt.Sprintf("%#x", flags)
	case len(set) == 1:
		return set[0]
	}
	return "(" + strings.Join(set, " | ") + ")"
}

var (
	protoWords = map[uint64]string{1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 58: "ipv6-icmp",
		132: "sctp"}
	packetTypeWords = map[uint64]string{0: "host", 1: "broadcast", 2: "multicast", 3: "other"}
	arpWords        = map[uint64]string{1: "request", 2: "reply"}
	etherTypeWords  = map[uint64]string{0x0800: "ip", 0x0806: "arp", 0x86dd: "ip6",
		0x8100: "8021q", 0x88a8: "8021ad"}
	icmpWords = map[uint64]string{0: "echo-reply", 3: "destination-unreachable", 5: "redirect",
		8: "echo-request", 11: "time-exceeded", 12: "parameter-problem"}
	icmpv6Words = map[uint64]string{1: "destination-unreachable", 2: "packet-too-big",
		3: "time-exceeded", 4: "parameter-problem", 128: "echo-request", 129: "echo-reply",
		130: "mld-listener-query", 131: "mld-listener-report", 132: "mld-listener-done",
		133: "nd-router-solicit", 134: "nd-router-advert", 135: "nd-neighbor-solicit",
		136: "nd-neighbor-advert", 137: "nd-redirect", 143: "mld2-listener-report"}
	igmpWords = map[uint64]string{0x11: "membership-query", 0x12: "membership-report-v1",
		0x16: "membership-report-v2", 0x17: "leave-group", 0x22: "membership-report-v3"}
	directionWords = map[uint64]string{0: "original", 1: "reply"}
	addrTypeWords  = map[uint64]string{1: "unicast", 2: "local", 3: "broadcast", 5: "multicast"}
	tcpFlagWords   = [...]string{"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"}
)
