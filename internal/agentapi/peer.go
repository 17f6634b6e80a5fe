// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// trusted refuses peers other than root and the server's own user. The mode of the socket keeps
// them away already, unless somebody changed it.
func trusted(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var peer *syscall.Ucred
	var optionErr error
	err = raw.Control(func(fd uintptr) {
		peer, optionErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err = errors.Join(err, optionErr); err != nil {
		return fmt.Errorf("peer: %w", err)
	}
	if peer.Uid != 0 && int(peer.Uid) != os.Geteuid() {
		return fmt.Errorf("peer is process %d of user %d, accepted root", peer.Pid, peer.Uid)
	}
	return nil
}

// logPause is the time between two lines about refused peers, who may come without end.
const logPause = 10 * time.Second

// limiter lets one line through per logPause.
type limiter struct {
	mu   sync.Mutex
	last time.Time
	held int
}

// allow reports whether a line may be written now, and how many were not before it.
func (l *limiter) allow(now time.Time) (held int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() && now.Sub(l.last) < logPause {
		l.held++
		return 0, false
	}
	held, l.held, l.last = l.held, 0, now
	return held, true
}
