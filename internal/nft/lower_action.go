// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// Codes of "administratively prohibited" (RFC 1812 section 5.2.7.1, RFC 4443 section 3.1).
const (
	icmpAdminProhibited   = 13
	icmpv6AdminProhibited = 1
)

var verdictKinds = [...]expr.VerdictKind{
	rs.NoVerdict:     expr.VerdictContinue,
	rs.AcceptVerdict: expr.VerdictAccept,
	rs.DropVerdict:   expr.VerdictDrop,
	rs.JumpVerdict:   expr.VerdictJump,
	rs.GotoVerdict:   expr.VerdictGoto,
	rs.ReturnVerdict: expr.VerdictReturn,
}

func (l *lowering) reject(s rs.RejectWith) {
	if s.TCPReset {
		l.requireL4(unix.IPPROTO_TCP)
		l.add(library{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}})
		return
	}
	code := uint8(icmpAdminProhibited)
	if l.family == rs.IP6 {
		code = icmpv6AdminProhibited
	}
	l.add(library{&expr.Reject{Type: unix.NFT_REJECT_ICMP_UNREACH, Code: code}})
}

// setMark writes (mark & Keep) | Or. The kernel's operation is (mark & mask) ^ xor, so the
// bits of Or leave the mask; nothing kept is a plain constant.
func (l *lowering) setMark(s rs.SetMark) {
	if s.Keep == 0 {
		l.add(library{&expr.Immediate{Register: reg1, Data: host32(s.Or)}})
	} else {
		f := fields[rs.PacketMark]
		if s.CT {
			f = fields[rs.CTMark]
		}
		l.add(f.load(reg1), maskTo(reg1, host32(s.Keep&^s.Or), host32(s.Or)))
	}
	if s.CT {
		l.add(library{&expr.Ct{Key: expr.CtKeyMARK, Register: reg1, SourceRegister: true}})
		return
	}
	l.add(library{&expr.Meta{Key: expr.MetaKeyMARK, Register: reg1, SourceRegister: true}})
}

// update writes the key into a dynamic set. The set's own counter comes with the element; a
// limit is part of the statement.
func (l *lowering) update(s rs.Update) error {
	if err := l.key(s.Fields); err != nil {
		return err
	}
	d := &expr.Dynset{SrcRegKey: reg1, SetName: s.Set, Operation: unix.NFT_DYNSET_OP_UPDATE}
	if s.Limit != nil {
		d.Exprs = []expr.Any{&expr.Limit{
			Type:  expr.LimitTypePkts,
			Rate:  s.Limit.PerSecond,
			Unit:  expr.LimitTimeSecond,
			Burst: s.Limit.Burst,
		}}
	}
	l.add(library{d})
	return nil
}

func logTo(s rs.Log) expression {
	l := &expr.Log{
		Key:   1 << unix.NFTA_LOG_GROUP,
		Group: s.Group,
		Data:  []byte(rs.Sanitize(s.Prefix)),
	}
	if s.Prefix != "" {
		l.Key |= 1 << unix.NFTA_LOG_PREFIX
	}
	if s.Snaplen != 0 {
		l.Key |= 1 << unix.NFTA_LOG_SNAPLEN
		l.Snaplen = s.Snaplen
	}
	return library{l}
}
