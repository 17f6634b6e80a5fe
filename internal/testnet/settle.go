// SPDX-License-Identifier: Apache-2.0

package testnet

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// settle waits until every IPv6 address of a link answers neighbour solicitations. The kernel
// joins their multicast groups in a work queue, after the address is usable otherwise; a
// solicitation that comes first is lost and repeated only a second later.
func (n *Namespace) settle(t testing.TB, link string) {
	t.Helper()
	addrs, err := n.link.AddrList(n.byName(t, link), netlink.FAMILY_V6)
	if err != nil {
		t.Fatalf("%s: addresses of %s: %v", n.Name, link, err)
	}
	deadline := time.Now().Add(3 * time.Second)
	for _, a := range addrs {
		ip := a.IP.To16()
		// The line has the index, the link's name and the group in hex digits.
		group := fmt.Sprintf(" ff0200000000000000000001ff%02x%02x%02x ", ip[13], ip[14], ip[15])
		for !n.joined(link, group) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %s on %s: no multicast group within 3 s", n.Name, a.IP, link)
			}
			time.Sleep(200 * time.Microsecond)
		}
	}
}

func (n *Namespace) joined(link, group string) bool {
	var table []byte
	var err error
	n.Do(func() { table, err = os.ReadFile("/proc/thread-self/net/igmp6") })
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) > 1 && fields[1] == link && strings.Contains(line, group) {
			return true
		}
	}
	return false
}
