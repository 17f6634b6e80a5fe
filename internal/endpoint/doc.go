// SPDX-License-Identifier: Apache-2.0

// Package endpoint is the node's registry of attachments: which container's interface is which
// policy endpoint, behind which host link. It outlives the processes that use it, one JSON
// file per attachment, and a lock that dies with its holder serialises them.
//
// What it returns decides who may talk to whom, so a file that is not exactly what Put writes
// is set aside and named, never repaired and never believed. An endpoint that is missing here
// is closed in the kernel, which is the safe side. The package neither knows policies nor the
// kernel.
package endpoint
