// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"context"
	"fmt"
	"net"
	"runtime/debug"
	"time"
)

// maxTime bounds a request whose requester would wait for ever.
const maxTime = 10 * time.Minute

// handle runs the handler for as long as somebody waits for what it says.
func (s *Server) handle(running context.Context, conn *net.UnixConn, h Handler, r Request) (
	any, error) {
	left := maxTime
	if r.TimeLeft < maxTime.Milliseconds() {
		left = time.Duration(r.TimeLeft) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(running, left)
	defer cancel()
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return nil, err
	}
	go func() {
		// Nothing more is to come: this ends when the requester leaves, or the reply is written.
		var none [1]byte
		_, _ = conn.Read(none[:])
		cancel()
	}()
	return s.contain(ctx, h, r)
}

// contain makes a handler's panic an error of its request: one endpoint's trouble must not end
// the enforcement of all others.
func (s *Server) contain(ctx context.Context, h Handler, r Request) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.options.Log.Error("request panicked", "verb", r.Verb, "panic", p,
				"stack", string(debug.Stack()))
			result, err = nil, fmt.Errorf("%s: panic: %v", r.Verb, p)
		}
	}()
	return h.Handle(ctx, r)
}
