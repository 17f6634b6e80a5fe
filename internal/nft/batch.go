// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	rs "github.com/bulkhead-net/bulkhead/internal/ruleset"
)

// families are the nf_tables family numbers.
var families = [...]byte{
	rs.IP:     unix.NFPROTO_IPV4,
	rs.IP6:    unix.NFPROTO_IPV6,
	rs.Bridge: unix.NFPROTO_BRIDGE,
}

// batch is one transaction as the bytes of one datagram: the kernel commits what stands
// between begin and end if all of it is accepted, and nothing otherwise.
type batch struct {
	buf  []byte
	ops  []rs.Op
	op   int // index of the operation whose messages are being added
	msgs []placed
	sets uint32
}

// placed is where a message of the batch begins and the index of its operation.
type placed struct{ at, op int }

// newBatch lowers operations to a whole transaction. An error names the operation; nothing was
// sent.
func newBatch(ops []rs.Op) (*batch, error) {
	b, err := openBatch(ops)
	if err == nil {
		b.end()
	}
	return b, err
}

// openBatch lowers operations to a transaction without an end: the kernel carries out each,
// answers, and takes all of them back.
func openBatch(ops []rs.Op) (*batch, error) {
	b := &batch{ops: ops}
	b.header(unix.NFNL_MSG_BATCH_BEGIN, 0, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES)
	b.finish(0)
	for i, op := range ops {
		b.op = i
		if err := b.operation(op); err != nil {
			return nil, fmt.Errorf("%s: %w", opName(op), err)
		}
	}
	b.acknowledged()
	return b, nil
}

// acknowledged asks for the acknowledgement of the last operation and of no other: one reply a
// message would overflow the socket of a large transaction. (Before Linux 6.10 the kernel does not
// answer to the end message itself.)
func (b *batch) acknowledged() {
	if n := len(b.msgs); n > 0 {
		at := b.msgs[n-1].at + 6
		flags := binary.NativeEndian.Uint16(b.buf[at:])
		binary.NativeEndian.PutUint16(b.buf[at:], flags|unix.NLM_F_ACK)
	}
}

// end closes the transaction.
func (b *batch) end() {
	at := b.header(unix.NFNL_MSG_BATCH_END, 0, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES)
	b.finish(at)
}

// message adds one message of the current operation.
func (b *batch) message(typ, flags uint16, body attrs) {
	kind := unix.NFNL_SUBSYS_NFTABLES<<8 | typ
	at := b.header(kind, flags, families[b.ops[b.op].Family], 0)
	b.buf = append(b.buf, body...)
	b.finish(at)
	b.msgs = append(b.msgs, placed{at: at, op: b.op})
}

// header begins a message and tells where.
func (b *batch) header(typ, flags uint16, family byte, resource uint16) int {
	at := len(b.buf)
	b.buf = binary.NativeEndian.AppendUint32(b.buf, 0)
	b.buf = binary.NativeEndian.AppendUint16(b.buf, typ)
	b.buf = binary.NativeEndian.AppendUint16(b.buf, flags|unix.NLM_F_REQUEST)
	b.buf = append(b.buf, make([]byte, 8)...) // sequence number, port
	b.buf = append(b.buf, family, unix.NFNETLINK_V0)
	b.buf = binary.BigEndian.AppendUint16(b.buf, resource)
	return at
}

func (b *batch) finish(at int) {
	binary.NativeEndian.PutUint32(b.buf[at:], uint32(len(b.buf)-at))
}

// sequence numbers the messages from base on: replies are attributed to operations by it, and
// those to an earlier transaction are never taken for replies to this one.
func (b *batch) sequence(base uint32) {
	for at, i := 0, uint32(0); at < len(b.buf); i++ {
		binary.NativeEndian.PutUint32(b.buf[at+8:], base+i)
		at += padded(int(binary.NativeEndian.Uint32(b.buf[at:])))
	}
}

// newSetID names an anonymous set inside the transaction.
func (b *batch) newSetID() uint32 { b.sets++; return b.sets }

// opName says what an operation does, as errors name it: the first words of its nft text.
func opName(op rs.Op) string {
	at := op.Family.String() + " " + rs.TableName
	switch op.Kind {
	case rs.AddTable:
		return "add table " + at
	case rs.DeleteTable:
		return "delete table " + at
	case rs.AddCounter:
		return "add counter " + at + " " + op.Counter
	case rs.DeleteCounter:
		return "delete counter " + at + " " + op.Counter
	case rs.AddSet:
		return "add set " + at + " " + op.Set.Name
	case rs.DeleteSet:
		return "delete set " + at + " " + op.Set.Name
	case rs.AddElements:
		return "add elements " + at + " " + op.Set.Name
	case rs.DeleteElements:
		return "delete elements " + at + " " + op.Set.Name
	case rs.AddChain:
		return "add chain " + at + " " + op.Chain.Name
	case rs.FlushChain:
		return "flush chain " + at + " " + op.Chain.Name
	case rs.AddRules:
		return "add rules " + at + " " + op.Chain.Name
	case rs.DeleteChain:
		return "delete chain " + at + " " + op.Chain.Name
	}
	return fmt.Sprintf("operation %d", op.Kind)
}
