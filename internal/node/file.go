// SPDX-License-Identifier: Apache-2.0

package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bulkhead-net/bulkhead/internal/durable"
)

// writeFile replaces a file so that a crash leaves the old text or the new one.
func writeFile(path string, data []byte) error {
	temp := path + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return rename(temp, path)
}

// rename moves a file within its directory and makes the move last.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(to))
}

// readJSON reads a file of ours. An absent one leaves v as it is. A corrupt one is named in the
// error, what it said is not trusted, and whoever holds the lock sets it aside.
func (n *Node) readJSON(name string, v any) error {
	path := n.path(name)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		if n.lock == nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return fmt.Errorf("%s: %w (set aside as %s)", path, err, setAside(path))
	}
	return nil
}

func writeJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeFile(path, data)
}

// setAside moves a file that cannot be believed out of the way, for a person to look at.
func setAside(path string) string {
	aside := path + ".corrupt"
	if err := os.Rename(path, aside); err != nil {
		return "nothing: " + err.Error()
	}
	return aside
}
