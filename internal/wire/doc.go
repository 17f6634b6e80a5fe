// SPDX-License-Identifier: Apache-2.0

// Package wire turns records of refused packets into bytes for another machine, and back: protocol
// buffers as bulkhead/v1/denials.proto has them. What Unmarshal returns is what Marshal was given;
// fields of a newer sender are passed over, and whatever else cannot be told apart from damage is
// refused with the name of the field.
package wire
