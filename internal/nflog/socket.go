// SPDX-License-Identifier: Apache-2.0

package nflog

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// firstBuffer is what a reader begins with, and has for ever if it keeps up.
const firstBuffer = 1 << 20

// datagram is more than the kernel ever sends in one: a message of its buffer's size, or one with a
// whole packet.
const datagram = 128 << 10

// grow gives the socket all the buffer it may have. What waits has to be read before the kernel
// sends again, however large the buffer.
func (r *Reader) grow() error {
	if r.buffer >= r.limit {
		return nil
	}
	if err := r.setBuffer(r.limit); err != nil {
		return r.failure(err)
	}
	return nil
}

// setBuffer sets the buffer beyond the system's limit, which needs CAP_NET_ADMIN.
func (r *Reader) setBuffer(size int) error {
	var err error
	if rawErr := r.raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size)
	}); rawErr != nil {
		return rawErr
	}
	if err != nil {
		return fmt.Errorf("receive buffer of %d bytes: %w", size,
			os.NewSyscallError("setsockopt", err))
	}
	r.buffer = size
	return nil
}

// send gives a request to the kernel, which has answered it when this returns.
func (r *Reader) send(b []byte) error {
	var err error
	rawErr := r.raw.Write(func(fd uintptr) bool {
		err = unix.Sendto(int(fd), b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		return !errors.Is(err, unix.EAGAIN)
	})
	if rawErr != nil {
		return rawErr
	}
	return os.NewSyscallError("sendto", err)
}

// receive reads one datagram into buf. Without wait it returns EAGAIN when there is none.
func (r *Reader) receive(wait bool) ([]byte, error) {
	r.wait = wait
	for {
		if err := r.raw.Read(r.attempt); err != nil {
			return nil, err
		}
		if r.err != nil {
			return nil, os.NewSyscallError("recvfrom", r.err)
		}
		// Who may administer the namespace may write to this socket, and is not the kernel.
		if from, ok := r.from.(*unix.SockaddrNetlink); ok && from.Pid == 0 {
			return r.buf[:min(r.n, len(r.buf))], nil
		}
	}
}

func (r *Reader) receiveOnce(fd uintptr) bool {
	r.n, r.from, r.err = unix.Recvfrom(int(fd), r.buf, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
	return !r.wait || !errors.Is(r.err, unix.EAGAIN)
}
