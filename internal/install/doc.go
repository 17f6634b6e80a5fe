// SPDX-License-Identifier: Apache-2.0

// Package install is bulkheadd install: it puts the CNI plugin, which lies beside bulkheadd,
// into the directory where a runtime looks for plugins. Runtimes execute that file at any
// moment, so it is replaced as a whole or not at all.
package install
