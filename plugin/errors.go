// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"

	"github.com/bulkhead-net/bulkhead/internal/agentapi"
	"github.com/bulkhead-net/bulkhead/internal/endpoint"
)

// Code is the number of a CNI error. Up to 99 the specification defines them, from 100 on the
// plugin; 8 and 999 are of the reference library.
type Code uint

// The codes that the plugin answers with.
const (
	// IncompatibleVersion is a cniVersion that the plugin, or the verb, does not support.
	IncompatibleVersion Code = 1
	// UnsupportedField is a key of the conf that nobody would act upon.
	UnsupportedField Code = 2
	// InvalidEnvironment is a CNI_ variable that is missing or malformed.
	InvalidEnvironment Code = 4
	// InputOutput is a conf that could not be read, or a result that could not be written.
	InputOutput Code = 5
	// Undecodable is text that is not JSON.
	Undecodable Code = 6
	// InvalidConf is a field of the conf, or its prevResult, with an impossible value.
	InvalidConf Code = 7
	// InvalidNetNS is a CNI_NETNS that is not the network namespace of a container.
	InvalidNetNS Code = 8
	// TryAgain is a verb that ran out of time, or whose agent is down.
	TryAgain Code = 11
	// Unavailable is a node that cannot serve ADD, or belongs to another agent than the conf names.
	Unavailable Code = 50
	// Limited is a node that cannot serve ADD, with containers that are closed by that.
	Limited Code = 51
	// Unenforceable is an interface that policies cannot govern.
	Unenforceable Code = 100
	// Contradiction is a kernel that shows another interface than prevResult describes.
	Contradiction Code = 101
	// NotEnforced is an endpoint whose rules are not in the kernel as they should be.
	NotEnforced Code = 102
	// Internal is everything that nobody foresaw.
	Internal Code = 999
)

// Error is a CNI error.
type Error struct {
	Code    Code
	Msg     string
	Details string
	cause   error
}

// Error returns "MSG" or "MSG; DETAILS".
func (e *Error) Error() string {
	if e.Details == "" {
		return e.Msg
	}
	return e.Msg + "; " + e.Details
}

// Unwrap returns what the error was made from, if anything.
func (e *Error) Unwrap() error { return e.cause }

// fail makes an Error as fmt.Errorf makes an error.
func fail(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Msg: err.Error(), cause: errors.Unwrap(err)}
}

// asError gives an error without a code the one that fits: a verb that ran out of time can be
// repeated, so that wins over whatever the interrupted step says, and so can one whose agent is
// away.
func asError(err error, otherwise Code) *Error {
	var known *Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, endpoint.ErrOwned):
		otherwise = Unavailable
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, agentapi.ErrDown),
		errors.Is(err, agentapi.ErrBusy), errors.Is(err, agentapi.ErrNotReady):
		otherwise = TryAgain
	}
	return &Error{Code: otherwise, Msg: err.Error(), cause: err}
}
