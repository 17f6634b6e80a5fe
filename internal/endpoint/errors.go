// SPDX-License-Identifier: Apache-2.0

package endpoint

import "errors"

// The errors that mean the same in every process of a node.
var (
	// ErrConflict marks an attachment whose address another endpoint of the node holds.
	ErrConflict = errors.New("address is held by another endpoint")
	// ErrUnknown marks an id that is not registered.
	ErrUnknown = errors.New("endpoint is not attached")
	// ErrOwned marks a node that is changed by its agent alone.
	ErrOwned = errors.New("node is owned by an agent")
)
