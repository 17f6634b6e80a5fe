// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// SendRaw sends Ethernet frames out of a link of the namespace, as they are.
func (n *Namespace) SendRaw(t testing.TB, link string, frames ...[]byte) {
	t.Helper()
	f, err := n.packetSocket(link, 0)
	if err != nil {
		t.Fatalf("%s: send on %s: %v", n.Name, link, err)
	}
	defer f.Close()
	for _, frame := range frames {
		if _, err := f.Write(frame); err != nil {
			t.Fatalf("%s: send on %s: %v", n.Name, link, err)
		}
	}
}

// packetSocket opens an AF_PACKET socket that is bound to a link. With etherType 0 it
// receives nothing.
func (n *Namespace) packetSocket(link string, etherType uint16) (*os.File, error) {
	l, err := n.link.LinkByName(link)
	if err != nil {
		return nil, err
	}
	fd := -1
	n.Do(func() {
		kind := unix.SOCK_RAW | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
		fd, err = unix.Socket(unix.AF_PACKET, kind, 0)
	})
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), "packet socket on "+link)
	// Frames that the namespace itself sends are of no interest to a test of delivery.
	err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	if err == nil {
		proto := etherType<<8 | etherType>>8
		addr := &unix.SockaddrLinklayer{Protocol: proto, Ifindex: l.Attrs().Index}
		err = unix.Bind(fd, addr)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("packet socket on %s: %w", link, err)
	}
	return f, nil
}

// Capture collects the frames that arrive on a link.
type Capture struct {
	mu     sync.Mutex
	frames [][]byte
	news   chan struct{}
}

// Sniff captures every frame that a link of the namespace receives from now on until the
// test ends. An accelerated VLAN tag is not part of the frame.
func (n *Namespace) Sniff(t testing.TB, link string) *Capture {
	t.Helper()
	f, err := n.packetSocket(link, unix.ETH_P_ALL)
	if err != nil {
		t.Fatalf("%s: sniff on %s: %v", n.Name, link, err)
	}
	t.Cleanup(func() { f.Close() })
	c := &Capture{news: make(chan struct{}, 1)}
	go c.read(f)
	return c
}

func (c *Capture) read(f *os.File) {
	buf := make([]byte, 65536)
	for {
		n, err := f.Read(buf)
		if errors.Is(err, unix.ENETDOWN) {
			continue // reported once when the link goes down; it may come back
		}
		if err != nil {
			return
		}
		c.mu.Lock()
		c.frames = append(c.frames, append([]byte(nil), buf[:n]...))
		c.mu.Unlock()
		select {
		case c.news <- struct{}{}:
		default:
		}
	}
}

// Frames returns what has arrived so far, oldest first.
func (c *Capture) Frames() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([][]byte(nil), c.frames...)
}

// Wait returns the first captured frame that match accepts, or false when none has arrived
// within the timeout (0 is DefaultTimeout).
func (c *Capture) Wait(match func(frame []byte) bool, timeout time.Duration) ([]byte, bool) {
	deadline := time.After(orDefault(timeout))
	seen := 0
	for {
		frames := c.Frames()
		for _, f := range frames[seen:] {
			if match(f) {
				return f, true
			}
		}
		seen = len(frames)
		select {
		case <-c.news:
		case <-deadline:
			return nil, false
		}
	}
}
