// SPDX-License-Identifier: Apache-2.0

// Package clauses turns the list of clauses that the policy language promises, and the tests
// that name them, into docs/clauses.md. It reads sources and runs nothing: that the named tests
// pass is the business of who runs them.
package clauses

//go:generate go test -run TestDocument -update
