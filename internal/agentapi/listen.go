// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
)

// ErrInUse marks a socket behind which another server lives.
var ErrInUse = errors.New("socket is in use by a living agent")

// lockWait is how long a server waits for another one that is just leaving.
const lockWait = time.Second

// maxPath is what fits into the kernel's sockaddr_un, in bytes.
const maxPath = 107

// Listen takes a socket for a server: one that a dead one left is replaced, one behind which a
// server lives is not. From then on requesters wait instead of finding the agent down, so an agent
// listens as soon as it holds the node's lock. Serve lets them in; Close gives the socket up.
func Listen(ctx context.Context, o Options) (*Server, error) {
	s := &Server{options: o.withDefaults()}
	dir := filepath.Dir(o.Socket)
	if !filepath.IsAbs(o.Socket) || len(o.Socket) > maxPath {
		return nil, fmt.Errorf("socket %q: accepted an absolute path of at most %d bytes", o.Socket,
			maxPath)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := trustworthy(dir); err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	// Held as long as the server lives: two that start at once must not both find nobody.
	lock, err := endpoint.AcquireLock(wait, o.Socket+".lock")
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("socket %s: %w: %w", o.Socket, ErrInUse, err)
	}
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	s.lock = lock
	if err := s.take(ctx, dir); err != nil {
		return nil, errors.Join(fmt.Errorf("socket %s: %w", o.Socket, err), s.Close())
	}
	return s, nil
}

// take makes the socket where nobody else can reach it and moves it into place, so that at no time
// it is there with a mode that lets others in.
func (s *Server) take(ctx context.Context, dir string) error {
	if err := replaceable(ctx, s.options.Socket); err != nil {
		return err
	}
	private, err := os.MkdirTemp(dir, ".sock") // mode 0700; paths of sockets are short
	if err != nil {
		return err
	}
	defer os.RemoveAll(private)
	path := filepath.Join(private, "s")
	s.listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	s.listener.SetUnlinkOnClose(false) // it will be elsewhere
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	if s.file, err = os.Lstat(path); err != nil {
		return err
	}
	return os.Rename(path, s.options.Socket)
}

// replaceable refuses what is no socket, and a socket that somebody listens on.
func replaceable(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("found something else than a socket")
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return errors.Join(ErrInUse, conn.Close())
	case errors.Is(err, syscall.EAGAIN):
		return ErrInUse
	case isDown(err):
		return nil
	}
	return err
}

// trustworthy refuses a directory in which somebody else can put another socket.
func trustworthy(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("socket directory %s: found mode %04o, accepted one that only its owner "+
			"may write", dir, mode)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("socket directory %s: found owner %d, accepted %d", dir, stat.Uid,
			os.Geteuid())
	}
	return nil
}

// Close gives the socket up. What still waits to be let in finds the agent down.
func (s *Server) Close() error {
	s.closing.Do(func() { s.closeErr = s.close() })
	return s.closeErr
}

func (s *Server) close() error {
	var errs []error
	if s.listener != nil {
		if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
		// Only while it is ours: the lock is still held, so nobody puts another one there now.
		if there, err := os.Lstat(s.options.Socket); err == nil && os.SameFile(there, s.file) {
			errs = append(errs, os.Remove(s.options.Socket))
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Unlock())
	}
	return errors.Join(errs...)
}
