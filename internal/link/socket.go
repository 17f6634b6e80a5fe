// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// answerTimeout bounds one request. The kernel answers at once; a dump of a full conntrack
// table takes about half a second.
const answerTimeout = 20 * time.Second

// dumpAttempts bounds how often an interrupted dump is started again. A change of any link
// interrupts a dump of all links, so a busy host needs several.
const dumpAttempts = 50

// receiveBuffer keeps the kernel from dropping replies of a large dump (ENOBUFS).
const receiveBuffer = 4 << 20

var errInterrupted = errors.New("dump interrupted by changes")

// socket is a netlink socket inside one namespace. It is opened on first use, and again after
// a fault that may have left unread replies in it.
type socket struct {
	family int
	ns     int

	mu   sync.Mutex
	conn *netlink.Conn
}

// request sends one message and returns the replies.
func (s *socket) request(m netlink.Message) ([]netlink.Message, error) {
	var replies []netlink.Message
	err := s.each(m, func(r netlink.Message) { replies = append(replies, r) })
	return replies, err
}

// dump calls fresh and then visit with every reply, and starts over with fresh when the
// kernel says that the list changed meanwhile. It returns nil only after a complete list.
func (s *socket) dump(m netlink.Message, fresh func(), visit func([]byte)) error {
	m.Header.Flags = netlink.Request | netlink.Dump
	err := errInterrupted
	for range dumpAttempts {
		interrupted := false
		fresh()
		err = s.each(m, func(r netlink.Message) {
			interrupted = interrupted || r.Header.Flags&netlink.DumpInterrupted != 0
			visit(r.Data)
		})
		if interrupted && err == nil {
			err = errInterrupted
		}
		// EINTR is how some subsystems report the same.
		if !errors.Is(err, errInterrupted) && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
	return fmt.Errorf("%d attempts: %w", dumpAttempts, err)
}

func (s *socket) each(m netlink.Message, visit func(netlink.Message)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		return err
	}
	err := exchange(s.conn, m, visit)
	// An errno inside a netlink message is an answer; everything else leaves the socket in an
	// unknown state.
	var op *netlink.OpError
	if err != nil && !(errors.As(err, &op) && op.Sequence != 0) {
		s.conn.Close()
		s.conn = nil
	}
	return err
}

func exchange(c *netlink.Conn, m netlink.Message, visit func(netlink.Message)) error {
	if err := c.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	sent, err := c.Send(m)
	if err != nil {
		return err
	}
	for r, err := range c.ReceiveIter() {
		if err != nil {
			return err
		}
		if r.Header.Sequence != sent.Header.Sequence {
			return fmt.Errorf("reply %d to request %d", r.Header.Sequence, sent.Header.Sequence)
		}
		if r.Header.Type != netlink.Error { // an acknowledgement
			visit(r)
		}
	}
	return nil
}

func (s *socket) open() error {
	if s.conn != nil {
		return nil
	}
	conn, err := dial(s.family, s.ns, 0)
	if err != nil {
		return err
	}
	s.conn = conn
	return nil
}

// dial opens a netlink socket inside a namespace, joined to a mask of groups.
func dial(family, ns int, groups uint32) (*netlink.Conn, error) {
	// The thread must not change between the look at its namespace and the new socket.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if inNamespace(ns) {
		// Entering a namespace takes CAP_SYS_ADMIN, even one's own; a confined service that
		// stays where it is needs CAP_NET_ADMIN only.
		ns = 0
	}
	conn, err := netlink.Dial(family, &netlink.Config{NetNS: ns, Groups: groups})
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	// Without the privilege to raise it the default buffer stays; a loss is then an error.
	_ = conn.SetReadBuffer(receiveBuffer)
	return conn, nil
}

// inNamespace reports whether the calling thread is in the network namespace.
func inNamespace(ns int) bool {
	var own, other unix.Stat_t
	if unix.Stat("/proc/thread-self/ns/net", &own) != nil || unix.Fstat(ns, &other) != nil {
		return false
	}
	return own.Dev == other.Dev && own.Ino == other.Ino
}

func (s *socket) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}
