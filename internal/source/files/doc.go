// SPDX-License-Identifier: Apache-2.0

// Package files turns a directory of policy files into what a node should believe of it now,
// and says when that changes. It knows no policies: it hands on text.
//
// A file counts when its writer has closed it. Until then, and while an editor has moved it out
// of its way, the version before stays: half a file may be valid YAML that lacks documents, and
// a document that is taken for deleted opens what it closed. A read lease (fcntl F_SETLEASE)
// tells exactly whether anybody has a file open for writing, and holds writers back for the
// moment in which it is read. File systems without leases, and files of other users where the
// process lacks CAP_LEASE, are judged by inotify's events and by file times that stand still.
//
// What cannot be known: that a file is yet to be written which its writer has closed in between
// (echo a > f; echo b >> f), or deleted for longer than the grace. Write beside, and rename.
package files
