// SPDX-License-Identifier: Apache-2.0

package threats

import (
	"strings"
	"testing"
	"time"
)

// settled waits until what was sent has arrived.
func settled(t testing.TB) {
	t.Helper()
	time.Sleep(grace)
}

// portOfMAC is the port behind which br0 has learned a container's hardware address.
func (s *site) portOfMAC(t testing.TB, name string) string {
	t.Helper()
	for line := range strings.Lines(s.Run(t, "bridge", "fdb", "show", "br", "br0")) {
		fields := strings.Fields(line)
		if fields[0] == macOf(name).String() {
			return fields[2]
		}
	}
	return ""
}
