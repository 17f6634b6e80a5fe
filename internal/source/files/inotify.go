// SPDX-License-Identifier: Apache-2.0

package files

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// inotify is a queue of events. It is raw, because the libraries hide IN_CLOSE_WRITE, which is
// what says that a writer is done.
type inotify struct {
	file *os.File
	conn syscall.RawConn
	buf  []byte
}

func openInotify() (*inotify, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	n := &inotify{file: os.NewFile(uintptr(fd), "inotify"), buf: make([]byte, 64<<10)}
	if n.conn, err = n.file.SyscallConn(); err != nil {
		n.file.Close()
		return nil, err
	}
	return n, nil
}

// add watches what a path leads to, and returns the number of the watch. It is the same for all
// paths to one inode.
func (n *inotify) add(path string, mask uint32) (int32, error) {
	var watch int
	var err error
	if connErr := n.conn.Control(func(fd uintptr) {
		watch, err = unix.InotifyAddWatch(int(fd), path, mask)
	}); connErr != nil {
		return 0, connErr
	}
	if err != nil {
		return 0, &os.PathError{Op: "inotify_add_watch", Path: path, Err: err}
	}
	return int32(watch), nil
}

// remove ends a watch. One that the kernel has ended before is no matter.
func (n *inotify) remove(watch int32) {
	_ = n.conn.Control(func(fd uintptr) { _, _ = unix.InotifyRmWatch(int(fd), uint32(watch)) })
}

// maxReads bounds one drain, so that it ends although somebody writes all the time.
const maxReads = 64

// drain returns the events that are there, without waiting for others.
func (n *inotify) drain() ([]event, error) {
	var es []event
	for range maxReads {
		var size int
		var err error
		if connErr := n.conn.Control(func(fd uintptr) {
			size, err = unix.Read(int(fd), n.buf)
		}); connErr != nil {
			return nil, connErr
		}
		switch {
		case errors.Is(err, unix.EAGAIN):
			return es, nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, os.NewSyscallError("read", err)
		}
		es = append(es, decodeEvents(n.buf[:size])...)
	}
	return es, nil
}

// wait returns when there are events, at the deadline, or when the queue was closed.
func (n *inotify) wait() {
	_ = n.conn.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		ready, err := unix.Poll(fds, 0)
		return err == nil && ready > 0
	})
}

// wake lets wait return at a moment, the zero time for at once.
func (n *inotify) wake(at time.Time) {
	if at.IsZero() {
		at = time.Unix(1, 0)
	}
	_ = n.file.SetReadDeadline(at)
}

func (n *inotify) close() { n.file.Close() }
