// SPDX-License-Identifier: Apache-2.0

package files

import (
	"errors"
	"io/fs"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stamp is what changes when a file is written.
type stamp struct {
	inode    uint64
	size     int64
	modified time.Time
}

func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), modified: info.ModTime()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = st.Ino
	}
	return s
}

// hold is what a lease says of a file's writers.
type hold int

const (
	held    hold = iota // nobody writes, and nobody can begin to until the file is closed
	written             // somebody has the file open for writing
	unknown             // this file system, or this process, has no leases
)

// lease takes a read lease. Whoever opens the file for writing meanwhile waits until it is
// closed here, at most for /proc/sys/fs/lease-break-time; one that opens it without blocking is
// told EWOULDBLOCK. The kernel's SIGIO about that is ignored by the Go runtime.
func (t *text) lease() hold {
	if t.unreadable != "" {
		return held
	}
	conn, err := t.file.SyscallConn()
	if err != nil {
		return unknown
	}
	var leaseErr error
	if err := conn.Control(func(fd uintptr) {
		_, leaseErr = unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_RDLCK)
	}); err != nil {
		return unknown
	}
	switch {
	case leaseErr == nil:
		return held
	case errors.Is(leaseErr, unix.EAGAIN):
		return written
	}
	return unknown
}
