// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// Outcomes of a probe other than success (nil); compare with errors.Is. Any other error is a
// fault of the test's own network.
var (
	// ErrTimeout: no answer at all, as when the kernel drops silently. A drop in the sender's
	// own output hook counts as well.
	ErrTimeout = errors.New("timeout")
	// ErrRefused: a TCP reset (or an SCTP abort).
	ErrRefused = errors.New("refused")
	// ErrPortUnreachable: an ICMP or ICMPv6 port unreachable error.
	ErrPortUnreachable = errors.New("icmp port unreachable")
	// ErrProhibited: an ICMP or ICMPv6 error "administratively prohibited".
	ErrProhibited = errors.New("icmp administratively prohibited")
	// ErrUnreachable: any other destination unreachable error, or no route.
	ErrUnreachable = errors.New("unreachable")
)

// DefaultTimeout bounds each probe that is given no timeout.
const DefaultTimeout = 300 * time.Millisecond

func orDefault(d time.Duration) time.Duration {
	if d == 0 {
		return DefaultTimeout
	}
	return d
}

// outcome names what err, as a socket returned it, says about the network. ICMP codes are
// asked of the watch first, because the kernel folds most of them into EHOSTUNREACH.
func (w *icmpWatch) outcome(err error) error {
	if err == nil {
		return nil
	}
	if seen := w.seen(); seen != nil {
		return seen
	}
	var timeout net.Error
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout(),
		errors.Is(err, syscall.EPERM):
		return ErrTimeout
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE):
		return ErrRefused
	case errors.Is(err, syscall.EACCES):
		return ErrProhibited
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return ErrUnreachable
	}
	return fmt.Errorf("probe: %w", err)
}
