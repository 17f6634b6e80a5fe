// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"context"
	"errors"

	"github.com/bulkhead-net/bulkhead/internal/endpoint"
)

// Code is the word for what kind of error an agent answered with.
type Code string

// The codes.
const (
	// CodeConflict is endpoint.ErrConflict.
	CodeConflict Code = "conflict"
	// CodeUnknownEndpoint is endpoint.ErrUnknown.
	CodeUnknownEndpoint Code = "unknown-endpoint"
	// CodeNotReady is ErrNotReady.
	CodeNotReady Code = "not-ready"
	// CodeInvalid is ErrInvalid.
	CodeInvalid Code = "invalid"
	// CodeBusy is ErrBusy.
	CodeBusy Code = "busy"
	// CodeInternal is everything else.
	CodeInternal Code = "internal"
)

var (
	// ErrNotReady marks an agent that cannot serve the verb before something is repaired or read.
	ErrNotReady = errors.New("agent is not ready")
	// ErrBusy marks a request that ran out of time, and can be repeated.
	ErrBusy = errors.New("agent is busy")
)

// causes are what handlers return and requesters find again with errors.Is.
var causes = []struct {
	code  Code
	cause error
}{
	{CodeConflict, endpoint.ErrConflict},
	{CodeUnknownEndpoint, endpoint.ErrUnknown},
	{CodeNotReady, ErrNotReady},
	{CodeInvalid, ErrInvalid},
	{CodeBusy, ErrBusy},
	{CodeBusy, context.DeadlineExceeded},
	{CodeBusy, context.Canceled},
}

// Error is what an agent answered instead of a result.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

// Error returns the agent's words.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the error that the code stands for, nil for CodeInternal and codes that are not
// known here.
func (e *Error) Unwrap() error {
	for _, c := range causes {
		if c.code == e.Code {
			return c.cause
		}
	}
	return nil
}

// asError finds the code of an error.
func asError(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return &Error{Code: known.Code, Message: err.Error()}
	}
	for _, c := range causes {
		if errors.Is(err, c.cause) {
			return &Error{Code: c.code, Message: err.Error()}
		}
	}
	return &Error{Code: CodeInternal, Message: err.Error()}
}
