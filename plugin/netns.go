// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"os"

	"golang.org/x/sys/unix"
)

// checkNamespace refuses a CNI_NETNS that is not the network namespace of a container. The
// host's own would make the host's interfaces endpoints.
func checkNamespace(path string) error {
	// O_NONBLOCK keeps a FIFO from blocking us.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return fail(InvalidNetNS, "CNI_NETNS: %w", err)
	}
	defer f.Close()
	kind, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_NSTYPE)
	if err != nil || kind != unix.CLONE_NEWNET {
		return fail(InvalidNetNS, "CNI_NETNS %q: not a network namespace", path)
	}
	theirs, err := f.Stat()
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
