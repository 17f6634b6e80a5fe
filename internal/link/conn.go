// SPDX-License-Identifier: Apache-2.0

package link

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Options say where a Conn looks. The zero value is the caller's own namespace.
type Options struct {
	// NetNS is the descriptor of the host's network namespace; it is duplicated, the caller
	// keeps its own. Zero means the namespace of the calling thread.
	NetNS int
}

// Conn asks and changes the links of one network namespace. It is safe for concurrent use.
type Conn struct {
	ns *os.File
	// foreign is set when ns is not the namespace that the process runs in.
	foreign   bool
	route     *socket
	conntrack *socket
}

// Open prepares a Conn. Sockets are opened on first use.
func Open(o Options) (*Conn, error) {
	ns, err := openNamespace(o.NetNS)
	if err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	fd := int(ns.Fd())
	return &Conn{
		ns:        ns,
		foreign:   o.NetNS != 0,
		route:     &socket{family: unix.NETLINK_ROUTE, ns: fd},
		conntrack: &socket{family: unix.NETLINK_NETFILTER, ns: fd},
	}, nil
}

// Close releases the sockets.
func (c *Conn) Close() error {
	c.route.close()
	c.conntrack.close()
	return c.ns.Close()
}

func openNamespace(fd int) (*os.File, error) {
	if fd == 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		return os.Open("/proc/thread-self/ns/net")
	}
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(dup), "netns"), nil
}

// inside runs fn on a thread in the Conn's namespace. /proc/sys/net shows the namespace of
// the thread that reads it, and there is no netlink message for those values. The thread is
// never the caller's, and one that cannot return to its own namespace ends with its goroutine.
func (c *Conn) inside(fn func() error) error {
	if !c.foreign {
		return fn()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		own, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			runtime.UnlockOSThread()
			done <- err
			return
		}
		defer own.Close()
		if err = unix.Setns(int(c.ns.Fd()), unix.CLONE_NEWNET); err != nil {
			runtime.UnlockOSThread()
			done <- os.NewSyscallError("setns", err)
			return
		}
		err = fn()
		if unix.Setns(int(own.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}
