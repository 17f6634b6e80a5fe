// SPDX-License-Identifier: Apache-2.0

package endpoint

import "errors"

// The errors that mean the same on both sides of a socket.
var (
	// ErrConflict marks an attachment whose address another endpoint of the node holds.
	ErrConflict = errors.New("address is held by another endpoint")
	// ErrUnknown marks an id that is not registered.
	ErrUnknown = errors.New("endpoint is not attached")
)
