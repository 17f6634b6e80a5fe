// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Sweep removes the unfinished files of writers that were killed. It is for the holder of the
// state directory's Lock alone: nobody else is writing then. Their ids, which containers never
// use again, would otherwise keep them for ever.
func (r *Registry) Sweep() error {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return fmt.Errorf("endpoint registry: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), temporary) {
			errs = append(errs, os.RemoveAll(filepath.Join(r.dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
