// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// listener is a TCP server that takes one byte, answers one byte and waits for the reset.
type listener struct{ fd int }

func listen(r *rig, n *testnet.Namespace, at netip.AddrPort) listener {
	l := listener{fd: tcpSocket(n)}
	r.Cleanup(func() { unix.Close(l.fd) })
	must(unix.SetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	must(unix.Bind(l.fd, &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}))
	must(unix.Listen(l.fd, 128))
	return l
}

func tcpSocket(n *testnet.Namespace) int {
	var fd int
	var err error
	n.Do(func() { fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0) })
	must(err)
	return fd
}

// serve answers n connections and returns the CPU time that it took.
func (l listener) serve(n int) time.Duration {
	start := threadTime()
	var buf [1]byte
	for range n {
		fd, _, err := again2(func() (int, unix.Sockaddr, error) { return unix.Accept(l.fd) })
		must(err)
		must(again(func() error { _, err := unix.Read(fd, buf[:]); return err }))
		must(again(func() error { _, err := unix.Write(fd, buf[:]); return err }))
		// The client resets: that is the end, not an error.
		if err := again(func() error { _, err := unix.Read(fd, buf[:]); return err }); err != nil &&
			!errors.Is(err, unix.ECONNRESET) {
			must(err)
		}
		must(unix.Close(fd))
	}
	return threadTime() - start
}

// connectMany makes n connections one after another. It returns the CPU time of its thread
// and how long each connect took, in microseconds. The thread must be inside the namespace.
func connectMany(n int, to netip.AddrPort) (time.Duration, []float64) {
	waits := make([]float64, 0, n)
	addr := &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}
	var buf [1]byte
	start := threadTime()
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		must(err)
		begin := time.Now()
		must(unix.Connect(fd, addr))
		waits = append(waits, float64(time.Since(begin))/1e3)
		must(again(func() error { _, err := unix.Write(fd, buf[:]); return err }))
		must(again(func() error { _, err := unix.Read(fd, buf[:]); return err }))
		// Close with a reset, so that no port waits.
		must(unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
		must(unix.Close(fd))
	}
	return threadTime() - start, waits
}

// again repeats a call that a signal interrupted: the runtime sends its own.
func again(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func again2[A, B any](f func() (A, B, error)) (A, B, error) {
	for {
		if a, b, err := f(); !errors.Is(err, unix.EINTR) {
			return a, b, err
		}
	}
}

// crr is what a run of connections cost.
type crr struct {
	cpu     float64 // microseconds of client and server for each connection
	connect float64 // the median wait of connect, in microseconds
}

// connections runs client and server, each on a thread of its own on the same CPU: the
// kernel's work for a packet then happens in the thread that caused it.
func connections(h *host, l listener, n int) crr {
	var server, client time.Duration
	var waits []float64
	done := make(chan error, 1)
	go func() { done <- pinned(1, func() { server = l.serve(n) }) }()
	must(pinned(1, func() {
		h.a.Do(func() {
			client, waits = connectMany(n, netip.AddrPortFrom(h.bAddr, echoPort))
		})
	}))
	must(<-done)
	return crr{cpu: float64(server+client) / 1e3 / float64(n), connect: median(waits)}
}
