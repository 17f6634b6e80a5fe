// SPDX-License-Identifier: Apache-2.0

package nflog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// What Options that are zero stand for.
const (
	DefaultSnaplen = 128
	DefaultBuffer  = 32 << 20
)

// Options say what to read, and where.
type Options struct {
	// NetNS is a file descriptor of the network namespace, or 0 for the caller's. It is needed
	// until Open returns.
	NetNS int
	// Group is the number in the rules' log statements.
	Group uint16
	// Snaplen is the most of a packet in bytes that is handed over, 0 for DefaultSnaplen. A rule may
	// ask for less.
	Snaplen uint32
	// Buffer is the most in bytes that the socket's buffer may grow to, 0 for DefaultBuffer.
	Buffer int
}

// ErrBusy says that somebody else reads the group. It matches EBUSY.
var ErrBusy error = busy{}

type busy struct{}

func (busy) Error() string        { return "somebody else reads it" }
func (busy) Is(target error) bool { return target == unix.EBUSY }

// Open binds a group. It needs CAP_NET_ADMIN in the namespace; without it the error matches
// fs.ErrPermission, and ErrBusy when the group has a reader already.
func Open(o Options) (*Reader, error) {
	if o.Snaplen == 0 {
		o.Snaplen = DefaultSnaplen
	}
	if o.Buffer == 0 {
		o.Buffer = DefaultBuffer
	}
	r, err := open(o, true)
	if errors.Is(err, unix.EOPNOTSUPP) {
		// The kernel has no conntrack to tell of. Older ones have bound the group by now.
		r, err = open(o, false)
	}
	if err != nil {
		return nil, fmt.Errorf("NFLOG group %d: %w", o.Group, err)
	}
	return r, nil
}

func open(o Options, tuples bool) (*Reader, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: o.NetNS})
	if err != nil {
		return nil, err
	}
	r := &Reader{group: o.Group, conn: conn, tuples: tuples, limit: o.Buffer,
		buf: make([]byte, datagram), parser: parser{group: o.Group}}
	r.attempt = r.receiveOnce
	if err := r.bind(o); err != nil {
		conn.Close()
		return nil, err
	}
	return r, nil
}

func (r *Reader) bind(o Options) error {
	var err error
	if r.raw, err = r.conn.SyscallConn(); err != nil {
		return err
	}
	if err := r.setBuffer(min(firstBuffer, r.limit)); err != nil {
		return err
	}
	request, err := bindRequest(o, r.tuples)
	if err != nil {
		return err
	}
	if err := r.send(request); err != nil {
		return err
	}
	err = r.answer()
	if errors.Is(err, unix.EPERM) {
		// The buffer above has shown that we are permitted; so the group is not ours.
		return ErrBusy
	}
	return err
}

// requestID is the sequence number of the only request.
const requestID = 1

// bindRequest is the message that makes the group ours and says what to send of it. It does both at
// once, so that the sequence counts from the first message on.
func bindRequest(o Options, tuples bool) ([]byte, error) {
	flags := uint16(flagSeq)
	if tuples {
		flags |= flagConntrack
	}
	mode := append(binary.BigEndian.AppendUint32(nil, o.Snaplen), copyPacket, 0)
	ae := netlink.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	ae.Bytes(cfgCmd, []byte{cmdBind})
	ae.Bytes(cfgMode, mode)
	ae.Uint32(cfgBufferSize, messagesSize)
	ae.Uint32(cfgTimeout, flushAfter)
	ae.Uint32(cfgThreshold, flushAt)
	ae.Uint16(cfgFlags, flags)
	attrs, err := ae.Encode()
	if err != nil {
		return nil, err
	}
	// struct nfgenmsg: the family is not read, the group stands in place of a resource.
	data := binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, 0}, o.Group)
	m := netlink.Message{Header: netlink.Header{
		Length:   uint32(unix.SizeofNlMsghdr + len(data) + len(attrs)),
		Type:     netlink.HeaderType(typeConfig),
		Flags:    netlink.Request | netlink.Acknowledge,
		Sequence: requestID,
	}, Data: append(data, attrs...)}
	return m.MarshalBinary()
}

// answer looks for the answer to the request among what the kernel has sent. Packets may have come
// before it: they are kept for Read.
func (r *Reader) answer() error {
	for {
		b, err := r.receive(false)
		if err != nil {
			return fmt.Errorf("no answer: %w", err)
		}
		if len(b) < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(b[4:]) != unix.NLMSG_ERROR {
			r.early = append(r.early, append([]byte(nil), b...))
			continue
		}
		if code := int32(binary.NativeEndian.Uint32(b[unix.SizeofNlMsghdr:])); code != 0 {
			return unix.Errno(-code)
		}
		return nil
	}
}
