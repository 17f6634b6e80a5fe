// SPDX-License-Identifier: Apache-2.0

// Package durable changes files so that a crash, of the process or of the machine, leaves what was
// there before or what was to be there.
package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// Replace writes a file of a directory, readable by its owner alone, in the place of an old one: a
// crash leaves the old text, the new one, or none where there was none. It writes to temp in the
// same directory first, where a crash can leave something behind; a name that belongs to the target
// keeps that to one, and the next Replace takes it away.
func Replace(dir, temp, name string, text []byte) error {
	from := filepath.Join(dir, temp)
	if err := os.RemoveAll(from); err != nil {
		return err
	}
	f, err := os.OpenFile(from, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(from, filepath.Join(dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(from))
	}
	return SyncDir(dir)
}

// SyncDir makes renames and removals in a directory last.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
