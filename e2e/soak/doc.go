// SPDX-License-Identifier: Apache-2.0

// Package soak holds the long loop: attachments come and go, policies change, and processes are
// killed in the midst of it, while probes knock on doors that must stay closed and walk through
// one that must stay open. `make soak` runs it for as long as one likes, `make test` a minute.
package soak
