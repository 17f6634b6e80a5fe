// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// pings numbers the echo requests of the process; raw sockets see each other's answers.
var pings atomic.Uint32

// Ping sends one ICMP or ICMPv6 echo request and waits for its reply. It returns nil or one
// of the outcomes; a timeout of 0 is DefaultTimeout.
func (n *Namespace) Ping(address string, timeout time.Duration) error {
	dst, err := netip.ParseAddr(address)
	if err != nil {
		return err
	}
	number := uint8(1)
	if dst.Is6() {
		number = 58
	}
	var conn, errs *icmpWatch
	n.Do(func() {
		if conn, err = watchICMP(dst, number, 0); err == nil {
			errs, err = watchICMP(dst, number, 0)
		}
	})
	if conn != nil {
		defer conn.close()
	}
	if err != nil {
		return err
	}
	defer errs.close()
	return errs.outcome(echo(conn.conn, dst, orDefault(timeout), errs))
}

func echo(c net.PacketConn, dst netip.Addr, timeout time.Duration, errs *icmpWatch) error {
	request, reply := byte(8), byte(0)
	if dst.Is6() {
		request, reply = 128, 129
	}
	id := pings.Add(1)
	b := make([]byte, 16)
	b[0] = request
	binary.BigEndian.PutUint16(b[4:], uint16(id))
	binary.BigEndian.PutUint16(b[6:], uint16(id>>16)+1)
	if !dst.Is6() {
		// For ICMPv6 the kernel fills the checksum in.
		binary.BigEndian.PutUint16(b[2:], checksum(b, 0))
	}
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	to := &net.IPAddr{IP: dst.AsSlice(), Zone: dst.Zone()}
	if _, err := c.WriteTo(b, to); err != nil {
		return err
	}
	buf := make([]byte, 2048)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return err
		}
		if o := errs.match(buf[:n]); o != nil {
			return &net.OpError{Op: "ping", Err: timeoutError{}}
		}
		if n >= 8 && buf[0] == reply && from.(*net.IPAddr).IP.Equal(to.IP) &&
			string(buf[4:8]) == string(b[4:8]) {
			return nil
		}
	}
}

// timeoutError ends the wait early; the outcome itself is then read from the second socket.
type timeoutError struct{}

func (timeoutError) Error() string   { return "icmp error received" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }
