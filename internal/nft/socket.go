// SPDX-License-Identifier: Apache-2.0

package nft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// socketBuffer holds a transaction of several hundred thousand elements, and the replies if
// every one of them is refused. With the system's defaults a transaction of 5,000 rules is
// not accepted, and one of 1,000 is committed while its reply is lost.
const socketBuffer = 64 << 20

// datagram is the most that the kernel puts into one datagram of a dump (32 KiB), and room.
const datagram = 128 << 10

// headerLen is the length of a netlink header and the nfgenmsg behind it.
const headerLen = unix.SizeofNlMsghdr + 4

// socket is a netlink socket to nf_tables, used by one request at a time.
type socket struct {
	mu   sync.Mutex
	conn *netlink.Conn
	raw  syscall.RawConn
	seq  uint32
	buf  []byte
}

// message is a received netlink message. Its data begins behind the netlink header.
type message struct {
	typ, flags uint16
	seq, port  uint32
	data       []byte
}

// family is the address family of an nf_tables message.
func (m message) family() byte {
	if len(m.data) == 0 {
		return 0
	}
	return m.data[0]
}

// attrs is the attributes of an nf_tables message.
func (m message) attrs() []attr {
	as, _ := parseAttrs(m.body())
	return as
}

// body is the attributes of an nf_tables message as they came.
func (m message) body() []byte {
	return m.data[min(len(m.data), headerLen-unix.SizeofNlMsghdr):]
}

func openSocket(netns int) (*socket, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: netns})
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	s := &socket{conn: conn, buf: make([]byte, datagram)}
	if err := s.configure(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	return s, nil
}

func (s *socket) configure() error {
	var err error
	if s.raw, err = s.conn.SyscallConn(); err != nil {
		return err
	}
	// Replies point at the refused attribute, and do not repeat the request.
	for _, o := range []netlink.ConnOption{netlink.ExtendedAcknowledge, netlink.CapAcknowledge} {
		if err := s.conn.SetOption(o, true); err != nil {
			return err
		}
	}
	return errors.Join(s.setOption(unix.SO_SNDBUFFORCE, socketBuffer),
		s.setOption(unix.SO_RCVBUFFORCE, socketBuffer))
}

// setOption sets the size of a buffer beyond the system's limit, which needs CAP_NET_ADMIN.
// The library would quietly settle for less.
func (s *socket) setOption(option, value int) error {
	var err error
	if rawErr := s.raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, option, value)
	}); rawErr != nil {
		return rawErr
	}
	return os.NewSyscallError("setsockopt", err)
}

// send gives one datagram to the kernel, which works it off before it returns. An error means
// that the kernel saw nothing of it.
func (s *socket) send(b []byte) error {
	var err error
	rawErr := s.raw.Write(func(fd uintptr) bool {
		err = unix.Sendto(int(fd), b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		return !errors.Is(err, unix.EAGAIN)
	})
	if rawErr != nil {
		return rawErr
	}
	return os.NewSyscallError("sendto", err)
}

// receive reads one datagram. Without wait it returns EAGAIN when there is none. The data of
// the messages is valid until the next call.
func (s *socket) receive(wait bool) ([]message, error) {
	var n int
	var err error
	rawErr := s.raw.Read(func(fd uintptr) bool {
		n, _, err = unix.Recvfrom(int(fd), s.buf, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		return !wait || !errors.Is(err, unix.EAGAIN)
	})
	switch {
	case rawErr != nil:
		return nil, rawErr
	case err != nil:
		return nil, os.NewSyscallError("recvfrom", err)
	case n > len(s.buf):
		return nil, fmt.Errorf("datagram of %d bytes: %w", n, unix.EMSGSIZE)
	}
	return parseMessages(s.buf[:n])
}

func parseMessages(b []byte) ([]message, error) {
	var ms []message
	for len(b) > 0 {
		if len(b) < unix.SizeofNlMsghdr {
			return nil, errTruncated
		}
		n := int(binary.NativeEndian.Uint32(b))
		if n < unix.SizeofNlMsghdr || n > len(b) {
			return nil, errTruncated
		}
		ms = append(ms, message{
			typ:   binary.NativeEndian.Uint16(b[4:]),
			flags: binary.NativeEndian.Uint16(b[6:]),
			seq:   binary.NativeEndian.Uint32(b[8:]),
			port:  binary.NativeEndian.Uint32(b[12:]),
			data:  b[unix.SizeofNlMsghdr:n],
		})
		b = b[min(len(b), padded(n)):]
	}
	return ms, nil
}

var errTruncated = errors.New("netlink message: shorter than its header says")

// errorCode is the kernel's answer in an error or done message, nil for success.
func (m message) errorCode() error {
	if len(m.data) < 4 {
		return nil
	}
	if code := int32(binary.NativeEndian.Uint32(m.data)); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}
