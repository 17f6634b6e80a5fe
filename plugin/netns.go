// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"os"

	"golang.org/x/sys/unix"
)

// checkNamespace refuses a CNI_NETNS that is not the network namespace of a container. The
// host's own would make the host's interfaces endpoints.
func checkNamespace(path string) error {
	var fsStat unix.Statfs_t
	if err := unix.Statfs(path, &fsStat); err != nil {
		return fail(InvalidNetNS, "CNI_NETNS %q: %w", path, err)
	}
	if fsStat.Type != unix.NSFS_MAGIC {
		return fail(InvalidNetNS, "CNI_NETNS %q: not a network namespace", path)
	}
	theirs, err := os.Stat(path)
	if err != nil {
		return fail(InvalidNetNS, "CNI_NETNS: %w", err)
	}
	own, err := os.Stat("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	if os.SameFile(theirs, own) {
		return fail(InvalidNetNS, "CNI_NETNS %q: the network namespace of the host", path)
	}
	return nil
}
