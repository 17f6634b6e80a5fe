// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bulkhead-net/bulkhead/internal/compile"
)

// Uninstall takes everything of ours from the kernel and the disk: the tables, the marks of
// flows, the bridge flags we set, the state directory's content. Endpoints that still run are
// open afterwards: that is what uninstalling means.
func (n *Node) Uninstall(context.Context) error {
	if err := n.kernel.Remove(); err != nil {
		return err
	}
	if _, err := n.links.ForgetMarked(n.config.EpochMask); err != nil {
		return err
	}
	if err := n.restoreBridges(); err != nil {
		return err
	}
	for _, a := range n.attachments {
		if err := n.closeReserved(a, false); err != nil {
			n.note(err.Error())
		}
	}
	n.attachments, n.config = nil, compile.DefaultConfig()
	n.compiled, n.model = nil, nil
	entries, err := os.ReadDir(n.options.StateDir)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if e.Name() != "lock" { // its removal would let two processes hold two locks
			errs = append(errs, os.RemoveAll(filepath.Join(n.options.StateDir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// removeModels forgets what was installed.
func (n *Node) removeModels() error {
	var errs []error
	for _, name := range []string{nextFile, installedFile} {
		if err := os.Remove(n.path(name)); !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
