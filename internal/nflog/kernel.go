// SPDX-License-Identifier: Apache-2.0

package nflog

import "golang.org/x/sys/unix"

// How the kernel collects messages. A datagram is sent when it holds flushAt of them, when the next
// does not fit any more, or when the first has waited for flushAfter hundredths of a second.
//
// Waiting longer makes a denial visible later and saves little: with 10 messages a second there is
// nothing to collect, and with 10,000 a datagram is full before the time is up.
const (
	flushAt    = 64
	flushAfter = 2
	// messagesSize holds 64 messages of 250 bytes, and fits into 16 KiB with what the kernel needs
	// itself. It gives back what a datagram did not use.
	messagesSize = 16000
)

// linux/netfilter/nfnetlink_log.h
const (
	typePacket = unix.NFNL_SUBSYS_ULOG<<8 | 0 // NFULNL_MSG_PACKET
	typeConfig = unix.NFNL_SUBSYS_ULOG<<8 | 1 // NFULNL_MSG_CONFIG

	cmdBind       = 1
	copyPacket    = 2
	flagSeq       = 1
	flagConntrack = 4

	// NFULA_CFG_*
	cfgCmd        = 1
	cfgMode       = 2
	cfgBufferSize = 3
	cfgTimeout    = 4
	cfgThreshold  = 5
	cfgFlags      = 6

	// NFULA_*
	attrPacketHeader = 1
	attrMark         = 2
	attrTimestamp    = 3
	attrInDev        = 4
	attrOutDev       = 5
	attrPhysIn       = 6
	attrPhysOut      = 7
	attrHWAddr       = 8
	attrPayload      = 9
	attrPrefix       = 10
	attrUID          = 11
	attrSeq          = 12
	attrHWType       = 15
	attrHWHeader     = 16
	attrCT           = 18
	attrCTInfo       = 19
	attrVLAN         = 20
	attrL2Header     = 21

	// NFULA_VLAN_*
	vlanProto = 1
	vlanTCI   = 2
)

// linux/netfilter/nfnetlink_conntrack.h
const (
	ctTupleOrig  = 1
	ctTupleReply = 2

	tupleIP    = 1
	tupleProto = 2

	ipv4Src = 1
	ipv4Dst = 2
	ipv6Src = 3
	ipv6Dst = 4

	protoNum        = 1
	protoSrcPort    = 2
	protoDstPort    = 3
	protoICMPType   = 5
	protoICMPCode   = 6
	protoICMPv6Type = 8
	protoICMPv6Code = 9
)
