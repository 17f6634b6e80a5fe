// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"os"
	"syscall"
)

// trustworthy refuses a state directory that somebody else can write: whoever places an
// attachment there opens what it likes.
func trustworthy(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("state directory %s: found mode %04o, accepted one that only its owner may "+
			"write", dir, mode)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("state directory %s: found owner %d, accepted %d", dir, stat.Uid,
			os.Geteuid())
	}
	return nil
}
