// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"net/netip"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-net/bulkhead/internal/testnet"
)

// payload makes a packet of 46 bytes: 20 of IPv4, 8 of UDP. With the frame's header that is
// the shortest frame there is.
const payload = 18

// batch is how many packets one sendmmsg sends.
const batch = 64

// udpFlow is a socket with a destination, and the messages that it sends again and again.
type udpFlow struct {
	fd   int
	msgs [batch]mmsghdr
	iov  unix.Iovec
	data [payload]byte
}

// mmsghdr is struct mmsghdr of linux/socket.h.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// newUDP opens a socket that is bound to an address of the namespace.
func newUDP(r *rig, n *testnet.Namespace, local netip.AddrPort) *udpFlow {
	f := &udpFlow{fd: -1}
	var err error
	n.Do(func() {
		f.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	})
	must(err)
	r.Cleanup(f.close)
	must(unix.SetsockoptInt(f.fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	must(unix.Bind(f.fd, &unix.SockaddrInet4{Addr: local.Addr().As4(), Port: int(local.Port())}))
	return f
}

// newFlow opens a flow from one container to another. The source may be any address that the
// namespace has.
func newFlow(r *rig, n *testnet.Namespace, from, to netip.AddrPort) *udpFlow {
	f := newUDP(r, n, from)
	must(unix.Connect(f.fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}))
	f.iov = unix.Iovec{Base: &f.data[0], Len: payload}
	for i := range f.msgs {
		f.msgs[i].hdr.Iov, f.msgs[i].hdr.Iovlen = &f.iov, 1
	}
	return f
}

func (f *udpFlow) close() {
	if f.fd >= 0 {
		unix.Close(f.fd)
	}
	f.fd = -1
}

// send sends n packets. That the kernel drops them on the way is no error here.
func (f *udpFlow) send(n int) {
	for n > 0 {
		k, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(f.fd),
			uintptr(unsafe.Pointer(&f.msgs[0])), uintptr(min(n, batch)), 0, 0, 0)
		if errno != 0 && errno != unix.EINTR && errno != unix.EPERM {
			must(errno)
		}
		n -= max(int(k), 1)
	}
}

// burst sends n packets and returns the nanoseconds of this thread for each. The thread runs
// the packet's whole way, up to b's interface, inside its own system call.
func (f *udpFlow) burst(n int) float64 {
	start := threadTime()
	f.send(n)
	return float64(threadTime()-start) / float64(n)
}

// receive waits for a packet and returns its sender.
func (f *udpFlow) receive(wait time.Duration) (*unix.SockaddrInet4, bool) {
	tv := unix.NsecToTimeval(int64(wait))
	must(unix.SetsockoptTimeval(f.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
	var buf [64]byte
	for {
		_, from, err := unix.Recvfrom(f.fd, buf[:], 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, false
		}
		in4, ok := from.(*unix.SockaddrInet4)
		return in4, ok
	}
}

func (f *udpFlow) answer(to *unix.SockaddrInet4) {
	must(unix.Sendto(f.fd, f.data[:], 0, to))
}

// sendTo sends a packet from a socket that has no destination of its own.
func (f *udpFlow) sendTo(at netip.AddrPort) {
	f.answer(&unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())})
}

// threadTime is the CPU time of the calling thread.
func threadTime() time.Duration {
	var ts unix.Timespec
	must(unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts))
	return time.Duration(ts.Nano())
}

// pinned runs f on a thread of its own that stays on one CPU, so that neither the scheduler
// nor another CPU's cache takes part.
func pinned(cpu int, f func()) (err error) {
	done := make(chan error)
	go func() {
		// Not unlocked: the thread ends with the goroutine, and with it the affinity.
		runtime.LockOSThread()
		done <- guarded(func(*rig) {
			var set unix.CPUSet
			set.Set(cpu % runtime.NumCPU())
			must(unix.SchedSetaffinity(0, &set))
			f()
		})
	}()
	return <-done
}
