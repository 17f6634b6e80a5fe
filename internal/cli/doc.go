// SPDX-License-Identifier: Apache-2.0

// Package cli is what our commands have in common: a table of subcommands, flags that may
// stand anywhere, exit codes, and output that is safe to read on a terminal. It knows nothing
// of policies or the kernel.
//
// Much of what our commands print was chosen by somebody else: names and labels come from
// whoever starts a container, file names and policy text from whoever writes policies. A
// terminal acts on some of these bytes, so every such text goes through Printable, and JSON
// is written in ASCII.
package cli
