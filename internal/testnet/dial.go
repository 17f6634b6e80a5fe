// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// Conn is an open flow to a Server.
type Conn struct {
	stream io.ReadWriteCloser
	reader *bufio.Reader
	watch  *icmpWatch
	limit  func(time.Time) error
}

// nonces make every line unique, so that an answer can be told from a late one.
var nonces atomic.Uint64

var protocols = map[string]uint8{"tcp": 6, "udp": 17, "sctp": 132}

// Dial sends one line to a Server ("10.1.0.3:80") and waits for its echo: over a TCP
// connection, in one datagram, or over an SCTP association. A timeout of 0 is
// DefaultTimeout. It returns nil or one of the outcomes.
func (n *Namespace) Dial(proto, address string, timeout time.Duration) error {
	c, err := n.Open(proto, "", address, timeout)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Echo(timeout)
}

// Open starts a flow and leaves it open. With a local address ("10.1.0.2:4000", ":4000") the
// flow starts there. For UDP nothing is sent before the first Echo.
func (n *Namespace) Open(proto, local, address string, timeout time.Duration) (*Conn, error) {
	dst, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	number, ok := protocols[proto]
	if !ok {
		return nil, fmt.Errorf("protocol %q: not tcp, udp or sctp", proto)
	}
	c := &Conn{}
	n.Do(func() { err = c.open(proto, number, local, dst, orDefault(timeout)) })
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) open(proto string, n uint8, local string, dst netip.AddrPort,
	timeout time.Duration) error {
	var err error
	if c.watch, err = watchICMP(dst.Addr(), n, dst.Port()); err != nil {
		return err
	}
	if proto == "sctp" {
		a, err := associate(local, dst, timeout)
		if err != nil {
			return c.watch.outcome(err)
		}
		c.stream, c.limit = a, a.conn.SetDeadline
	} else {
		nc, err := dialNet(proto, local, dst, timeout)
		if err != nil {
			return c.watch.outcome(err)
		}
		c.stream, c.limit = nc, nc.SetDeadline
	}
	c.reader = bufio.NewReader(c.stream)
	return nil
}

// dialNet opens its socket on the calling thread, because the address is a literal: no
// resolver and no second goroutine are involved.
func dialNet(proto, local string, dst netip.AddrPort, timeout time.Duration) (net.Conn, error) {
	d := net.Dialer{Timeout: timeout}
	if local != "" {
		var err error
		if proto == "tcp" {
			d.LocalAddr, err = net.ResolveTCPAddr(proto, local)
		} else {
			d.LocalAddr, err = net.ResolveUDPAddr(proto, local)
		}
		if err != nil {
			return nil, err
		}
	}
	return d.DialContext(context.Background(), proto, dst.String())
}

// Echo sends one line and waits for it to come back; earlier answers are passed over.
func (c *Conn) Echo(timeout time.Duration) error {
	line := fmt.Sprintf("bulkhead probe %d\n", nonces.Add(1))
	if err := c.limit(time.Now().Add(orDefault(timeout))); err != nil {
		return c.watch.outcome(err)
	}
	if _, err := io.WriteString(c.stream, line); err != nil {
		return c.watch.outcome(err)
	}
	for {
		got, err := c.reader.ReadString('\n')
		if err != nil {
			return c.watch.outcome(err)
		}
		if got == line {
			return nil
		}
	}
}

// Close ends the flow.
func (c *Conn) Close() {
	if c.stream != nil {
		c.stream.Close()
	}
	if c.watch != nil {
		c.watch.close()
	}
}
