// SPDX-License-Identifier: Apache-2.0

// Package policyversions keeps the documents that were in force, by a hash of their contents, so
// that the policy by which a packet was judged can be asked later. One file holds one version:
// the accepted documents and the rejected ones in whose place something was closed. A file that
// is not exactly what Save wrote is never believed: it would answer for a policy that nobody had.
package policyversions
