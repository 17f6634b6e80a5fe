// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

var (
	// ErrDown marks a socket behind which there is no agent: it is not there, nobody listens, or
	// whoever did died before the answer.
	ErrDown = errors.New("agent is down")
	// ErrLost is ErrDown of an agent that had the whole request, and may have acted upon it.
	ErrLost = fmt.Errorf("%w: it ended before it answered", ErrDown)
	// ErrTimeout marks an agent that did not answer in time. What it did is not known, and what it
	// holds it still holds. It is context.DeadlineExceeded too.
	ErrTimeout = fmt.Errorf("agent gives no answer: %w", context.DeadlineExceeded)
)

// DefaultTime is how long Call waits for an answer if its context does not say.
const DefaultTime = 30 * time.Second

// Call sends a request to the agent behind a socket and waits for its reply until ctx ends. The
// error is ErrDown, ErrTimeout, an *Error that the agent answered with, or what the system said.
func Call(ctx context.Context, socket string, r Request) (Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, DefaultTime)
	defer cancel()
	reply, err := call(ctx, socket, r)
	if err == nil {
		return reply, nil
	}
	var answered *Error
	if !errors.As(err, &answered) {
		err = fmt.Errorf("agent %s: %w", socket, err)
	}
	return reply, err
}

func call(ctx context.Context, socket string, r Request) (Reply, error) {
	conn, err := dial(ctx, socket)
	if err != nil {
		return Reply{}, err
	}
	defer conn.Close()
	// Wakes whoever waits on the connection, whatever ended the context.
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	end, _ := ctx.Deadline()
	text, err := r.encode(time.Until(end))
	if err != nil {
		return Reply{}, err
	}
	if err := writeFrame(conn, text); err != nil {
		return Reply{}, failure(ctx, err, ErrDown)
	}
	text, err = readFrame(conn)
	if err != nil {
		return Reply{}, failure(ctx, err, ErrLost)
	}
	return decodeReply(text)
}

// failure says what an error of a connection means.
func failure(ctx context.Context, err, broken error) error {
	switch {
	case errors.Is(err, errFrame):
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded):
		return ErrTimeout
	}
	return fmt.Errorf("%w: %w", broken, errno(err))
}

// dialPause is how long to wait before knocking again where too many wait already.
const dialPause = 10 * time.Millisecond

// dial connects. The kernel refuses whoever does not fit among those that wait to be let in, but
// that is an agent that is busy, not one that is down.
func dial(ctx context.Context, socket string) (net.Conn, error) {
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "unix", socket)
		switch {
		case err == nil:
			return conn, nil
		case errors.Is(err, syscall.EAGAIN):
		case isDown(err):
			return nil, fmt.Errorf("%w: %w", ErrDown, errno(err))
		case ctx.Err() != nil:
			return nil, failure(ctx, err, ErrDown)
		default:
			return nil, err
		}
		select {
		case <-time.After(dialPause):
		case <-ctx.Done():
			return nil, failure(ctx, err, ErrDown)
		}
	}
}

// isDown recognises the errors of a connect to nobody.
func isDown(err error) bool {
	for _, e := range []error{syscall.ENOENT, syscall.ENOTDIR, syscall.ECONNREFUSED,
		syscall.ECONNRESET} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// errno leaves out what net says around it: the socket is named already.
func errno(err error) error {
	var e syscall.Errno
	if errors.As(err, &e) {
		return e
	}
	return err
}
