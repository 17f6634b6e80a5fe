// SPDX-License-Identifier: Apache-2.0

// Package packet reads the headers of a packet of which perhaps only the beginning is there, as the
// kernel's log hands it over.
//
// A packet that ends too early is no error: what could be read is told, and that it is Truncated. A
// header that contradicts itself is one, and names the byte; what stood before it is told all the
// same. Nothing is allocated but errors, so that a flood costs no garbage.
package packet
