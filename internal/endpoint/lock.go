// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Lock is held by one process at a time, from reading the registry until the kernel follows.
type Lock struct {
	file *os.File
}

// AcquireLock waits for the lock at a path until ctx ends, in the order of asking. The kernel
// frees it when its holder dies, however it dies, so there is nothing to clean up and no age
// to guess. The file stays for good: removing it would let two processes hold two locks.
func AcquireLock(ctx context.Context, path string) (*Lock, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock: %w", err)
		}
		if err := flock(ctx, f); err != nil {
			return nil, fmt.Errorf("lock %s: %w%s", path, err, holder(path))
		}
		if current(f, path) {
			record(f)
			return &Lock{file: f}, nil
		}
		f.Close() // somebody replaced the file while we waited; what we hold guards nothing
	}
}

// flock takes ownership of f unless it returns nil. Waiting inside the kernel is first come,
// first served, but cannot be called off: an abandoned wait ends when its turn comes, and
// then gives the lock back at once.
func flock(ctx context.Context, f *os.File) error {
	if err := ctx.Err(); err != nil {
		f.Close()
		return err
	}
	// Whoever moves the state on first owns f: the waiter by delivering, the caller by leaving.
	var settled atomic.Bool
	done := make(chan error, 1)
	go func() {
		err := wait(f)
		if settled.CompareAndSwap(false, true) {
			done <- err
			return
		}
		f.Close()
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		if settled.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		err = <-done // the lock came in the same moment
	}
	if err != nil {
		f.Close()
	}
	return err
}

func wait(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var lockErr error
	err = raw.Control(func(fd uintptr) {
		for {
			lockErr = syscall.Flock(int(fd), syscall.LOCK_EX)
			if lockErr != syscall.EINTR {
				return
			}
		}
	})
	return errors.Join(err, lockErr)
}

func current(f *os.File, path string) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(held, there)
}

// record writes the holder's process id, for the message of whoever waits in vain. It decides
// nothing, so errors are of no interest.
func record(f *os.File) {
	_ = f.Truncate(0)
	_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
}

func holder(path string) string {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, 32))
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (last taken by process %d)", pid)
}

// Unlock gives the lock to the next in line.
func (l *Lock) Unlock() error { return l.file.Close() }
