// SPDX-License-Identifier: Apache-2.0

// Package arch turns the rules of this repository into laws that a test can break: who may
// import what, what pure code may not call, how large a piece may grow, and what no file may
// say. Every law carries its reason and prints it with the violation. It reads source files and
// knows nothing of what they do.
package arch
