// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Server answers every line with the same line until the test ends.
type Server struct {
	mu       sync.Mutex
	received []Received
}

// Received is one line or datagram that reached a Server.
type Received struct {
	From netip.AddrPort
	Data string
}

// Received returns what has arrived so far, oldest first.
func (s *Server) Received() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Received(nil), s.received...)
}

func (s *Server) record(from netip.AddrPort, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from = netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
	s.received = append(s.received, Received{From: from, Data: string(data)})
}

// Serve listens on every address of the namespace, IPv4 and IPv6: proto is tcp, udp or sctp.
// Port 0 is refused; tests name their ports.
func (n *Namespace) Serve(t testing.TB, proto string, port uint16) *Server {
	t.Helper()
	s := &Server{}
	var stop io.Closer
	err := fmt.Errorf("protocol %q with port %d", proto, port)
	if port != 0 {
		n.Do(func() {
			switch proto {
			case "tcp":
				stop, err = s.tcp(port)
			case "udp":
				stop, err = s.udp(port)
			case "sctp":
				stop, err = s.sctp(port)
			}
		})
	}
	if err != nil {
		t.Fatalf("%s: serve: %v", n.Name, err)
	}
	t.Cleanup(func() { stop.Close() })
	return s
}

func (s *Server) tcp(port uint16) (io.Closer, error) {
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return nil, err
	}
	open := &closers{}
	open.add(l)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.add(c)
			go s.lines(c)
		}
	}()
	return open, nil
}

func (s *Server) lines(c net.Conn) {
	defer c.Close()
	from := c.RemoteAddr().(*net.TCPAddr).AddrPort()
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return
		}
		s.record(from, line)
		if _, err := c.Write(line); err != nil {
			return
		}
	}
}

func (s *Server) udp(port uint16) (io.Closer, error) {
	c, err := net.ListenUDP("udp", &net.UDPAddr{Port: int(port)})
	if err != nil {
		return nil, err
	}
	if err := wantDestination(c, true); err != nil {
		c.Close()
		return nil, err
	}
	go func() {
		buf, oob := make([]byte, 65536), make([]byte, 256)
		for {
			n, m, _, from, err := c.ReadMsgUDPAddrPort(buf, oob)
			if err != nil {
				return
			}
			s.record(from, buf[:n])
			// The control message names the address that was asked; sent back it makes the
			// answer come from there, whichever address the route would choose.
			c.WriteMsgUDPAddrPort(buf[:n], oob[:m], from)
		}
	}()
	return c, nil
}

// wantDestination asks for a control message with the address that each packet was sent to.
func wantDestination(c syscall.Conn, v6 bool) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	level, option := unix.IPPROTO_IP, unix.IP_PKTINFO
	if v6 {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO
	}
	control := func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, option, 1) }
	if cerr := raw.Control(control); cerr != nil {
		return cerr
	}
	return err
}

// closers closes everything that was added, and what is added later at once.
type closers struct {
	mu     sync.Mutex
	closed bool
	list   []io.Closer
}

func (c *closers) add(x io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		x.Close()
		return
	}
	c.list = append(c.list, x)
}

// Close closes everything once.
func (c *closers) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, x := range c.list {
		x.Close()
	}
	return nil
}
