// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
)

// Handler answers requests, several at a time.
type Handler interface {
	// Handle does what a request asks and returns its result, which is encoded as JSON; the verbs
	// say which. ctx ends when the requester's time is up, when the requester is gone, and when a
	// server that stops has waited long enough. Errors that wrap endpoint.ErrConflict,
	// endpoint.ErrUnknown, ErrNotReady, ErrInvalid or ErrBusy are known by that to the requester.
	Handle(ctx context.Context, r Request) (result any, err error)
}

// Options say how a server works. Only the socket is required.
type Options struct {
	// Socket is the absolute path. Its directory is made with mode 0700 if it is not there.
	Socket string
	// Log gets refused peers, panics and what goes wrong with the socket.
	Log *slog.Logger
	// MaxConnections bounds the requests that are read or handled at a time, 64 if zero; others
	// wait to be let in.
	MaxConnections int
	// TransferTime bounds the reading of a request, and the writing of a reply; 5 s if zero.
	TransferTime time.Duration
	// StopTime is how long a server that stops lets requests run, 10 s if zero. Twice that long at
	// most it takes to stop.
	StopTime time.Duration
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = 64
	}
	if o.TransferTime == 0 {
		o.TransferTime = 5 * time.Second
	}
	if o.StopTime == 0 {
		o.StopTime = 10 * time.Second
	}
	return o
}

// Server lets requesters in.
type Server struct {
	options  Options
	lock     *endpoint.Lock
	listener *net.UnixListener
	file     fs.FileInfo
	closing  sync.Once
	closeErr error
	// refused is what the log has of peers that may not ask.
	refused limiter
}

// acceptPause is how long a server waits after it could not let somebody in.
const acceptPause = 100 * time.Millisecond

// Serve answers until ctx ends, lets the requests that were read run to their end, within the stop
// time, and closes the server.
func (s *Server) Serve(ctx context.Context, h Handler) error {
	// Requests outlive ctx.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	closed := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { closed <- s.Close() })
	defer stop()
	slots := make(chan struct{}, s.options.MaxConnections)
	var wait sync.WaitGroup
	for ctx.Err() == nil {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			continue
		}
		conn, err := s.listener.AcceptUnix()
		if err == nil {
			wait.Go(func() {
				defer func() { <-slots }()
				defer conn.Close()
				s.serve(ctx, running, conn, h)
			})
			continue
		}
		<-slots
		if ctx.Err() == nil {
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("socket %s: %w", s.options.Socket, err)
			}
			s.options.Log.Error("nobody can be let in", "error", err)
			time.Sleep(acceptPause) // out of descriptors or of memory
		}
	}
	return errors.Join(<-closed, s.drain(&wait, cancel))
}

// drain waits for the requests that run, and hurries those that take too long.
func (s *Server) drain(wait *sync.WaitGroup, hurry func()) error {
	done := make(chan struct{})
	go func() {
		wait.Wait()
		close(done)
	}()
	for range 2 {
		select {
		case <-done:
			return nil
		case <-time.After(s.options.StopTime):
			hurry()
		}
	}
	return fmt.Errorf("socket %s: requests still run after %v", s.options.Socket,
		2*s.options.StopTime)
}

// serve answers one connection.
func (s *Server) serve(stop, running context.Context, conn *net.UnixConn, h Handler) {
	if err := trusted(conn); err != nil {
		if more, ok := s.refused.allow(time.Now()); ok {
			s.options.Log.Warn("connection is refused", "reason", err, "unlogged", more)
		}
		return
	}
	request, err := s.receive(stop, conn)
	if err != nil && !errors.Is(err, ErrInvalid) {
		return // half a request, or none: whoever sent it is gone, or slow
	}
	var result any
	if err == nil {
		result, err = s.handle(running, conn, h, request)
	}
	if err := s.answer(conn, result, err); err != nil {
		s.options.Log.Warn("reply is lost", "verb", request.Verb, "error", err)
	}
}

// receive reads a request, and gives it up when the server stops.
func (s *Server) receive(stop context.Context, conn *net.UnixConn) (Request, error) {
	if err := conn.SetReadDeadline(time.Now().Add(s.options.TransferTime)); err != nil {
		return Request{}, err
	}
	wake := context.AfterFunc(stop, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer wake()
	text, err := readFrame(conn)
	if errors.Is(err, errFrame) {
		return Request{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err != nil {
		return Request{}, err
	}
	return decodeRequest(text)
}

func (s *Server) answer(conn *net.UnixConn, result any, failure error) error {
	text, err := encodeReply(result, failure)
	if err == nil && len(text) > MaxFrame {
		err = fmt.Errorf("%w: found a result of %d bytes", errFrame, len(text))
	}
	if err != nil {
		if text, err = encodeReply(nil, fmt.Errorf("reply: %w", err)); err != nil {
			return err
		}
	}
	if err := conn.SetWriteDeadline(time.Now().Add(s.options.TransferTime)); err != nil {
		return err
	}
	return writeFrame(conn, text)
}
