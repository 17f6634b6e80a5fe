// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// association is the client's side.
type association struct {
	conn       *net.IPConn
	peer       *net.IPAddr
	src, dst   uint16
	tag, sends uint32
	mu         sync.Mutex
}

// associate runs the handshake inside the calling thread's namespace.
func associate(local string, dst netip.AddrPort, timeout time.Duration) (*association, error) {
	src := netip.AddrPortFrom(netip.Addr{}, uint16(20000+rand.IntN(40000)))
	if local != "" {
		a, err := net.ResolveUDPAddr("udp", local)
		if err != nil {
			return nil, err
		}
		src = a.AddrPort()
	}
	c, err := listenSCTP(dst.Addr().Is6(), src.Addr())
	if err != nil {
		return nil, err
	}
	peer := &net.IPAddr{IP: dst.Addr().AsSlice(), Zone: dst.Addr().Zone()}
	a := &association{conn: c, peer: peer, src: src.Port(), dst: dst.Port()}
	c.SetDeadline(time.Now().Add(timeout))
	if err := a.handshake(); err != nil {
		c.Close()
		return nil, err
	}
	return a, nil
}

func (a *association) handshake() error {
	own := rand.Uint32() | 1
	if err := a.send(chunkInit, initBody(own)); err != nil {
		return err
	}
	ack, err := a.receive(chunkInitAck)
	if err != nil {
		return err
	}
	if ack.tag != own || len(ack.body) < initSize+8 {
		return fmt.Errorf("init ack with tag %#x and %d bytes", ack.tag, len(ack.body))
	}
	a.tag = binary.BigEndian.Uint32(ack.body)
	if err := a.send(chunkCookieEcho, ack.body[initSize+4:]); err != nil {
		return err
	}
	_, err = a.receive(chunkCookieAck)
	return err
}

func (a *association) send(kind byte, body []byte) error {
	s := segment{src: a.src, dst: a.dst, tag: a.tag, kind: kind, body: body}
	_, err := a.conn.WriteToIP(s.bytes(), a.peer)
	return err
}

func (a *association) receive(kind byte) (segment, error) {
	buf := make([]byte, 65536)
	for {
		n, from, err := a.conn.ReadFromIP(buf)
		if err != nil {
			return segment{}, err
		}
		s, ok := parseSegment(buf[:n])
		if !ok || !from.IP.Equal(a.peer.IP) || s.src != a.dst || s.dst != a.src {
			continue
		}
		if s.kind == chunkAbort {
			return segment{}, syscall.ECONNREFUSED
		}
		if s.kind == kind {
			return s, nil
		}
	}
}

// Write sends p as one DATA chunk.
func (a *association) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sends++
	body := make([]byte, dataSize, dataSize+len(p))
	binary.BigEndian.PutUint32(body, a.sends)
	return len(p), a.send(chunkData, append(body, p...))
}

// Read returns the payload of the next DATA chunk.
func (a *association) Read(p []byte) (int, error) {
	s, err := a.receive(chunkData)
	if err != nil || len(s.body) < dataSize {
		return 0, err
	}
	return copy(p, s.body[dataSize:]), nil
}

// Close closes the socket; the association is forgotten, not shut down.
func (a *association) Close() error { return a.conn.Close() }
