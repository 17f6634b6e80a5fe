// SPDX-License-Identifier: Apache-2.0

// Package query selects, groups and sums records of denials: what a person asks about them, apart
// from where they are kept and how they are shown. It performs no I/O and reads no clock.
package query
