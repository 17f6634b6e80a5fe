// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// ErrNoBridgeNetfilter says that the kernel cannot show bridged packets to the IP hooks. The
// flags of a bridge exist, and have no effect, while the module is not loaded.
var ErrNoBridgeNetfilter = errors.New("br_netfilter is not loaded: run modprobe br_netfilter")

const bridgeSysctls = "/proc/sys/net/bridge/"

// BridgeNetfilter reports whether bridged IPv4 and IPv6 packets of a bridge pass the IP hooks:
// by the bridge's own flag or by the switch of the whole namespace. Without the module both
// are false and the error is nil.
func (c *Conn) BridgeNetfilter(bridge string) (v4, v6 bool, err error) {
	b, err := c.bridge(bridge)
	if err != nil {
		return false, false, err
	}
	all4, all6, err := c.namespaceNetfilter()
	if errors.Is(err, ErrNoBridgeNetfilter) {
		return false, false, nil
	}
	if err != nil {
		return false, false, fmt.Errorf("bridge %s: %w", bridge, err)
	}
	return b.nfV4 || all4, b.nfV6 || all6, nil
}

// EnableBridgeNetfilter sets the bridge's own flags for IPv4 and IPv6, which work while the
// switch of the namespace is off, and reads them back. The error is fs.ErrNotExist without
// such a bridge and ErrNoBridgeNetfilter without the module. It tells whether a flag was off.
func (c *Conn) EnableBridgeNetfilter(bridge string) (changed bool, err error) {
	return c.setBridgeNetfilter(bridge, true)
}

// DisableBridgeNetfilter clears the bridge's own flags, for whoever set them and leaves.
func (c *Conn) DisableBridgeNetfilter(bridge string) error {
	_, err := c.setBridgeNetfilter(bridge, false)
	return err
}

func (c *Conn) setBridgeNetfilter(bridge string, on bool) (bool, error) {
	b, err := c.bridge(bridge)
	if err != nil {
		return false, err
	}
	if _, _, err := c.namespaceNetfilter(); err != nil {
		return false, fmt.Errorf("bridge %s: %w", bridge, err)
	}
	if b.nfV4 == on && b.nfV6 == on {
		return false, nil
	}
	if err := c.sendBridgeNetfilter(b.index, on); err != nil {
		return false, fmt.Errorf("bridge %s: netfilter flags: %w", bridge, err)
	}
	if b, err = c.bridge(bridge); err != nil {
		return false, err
	}
	if b.nfV4 != on || b.nfV6 != on {
		return false, fmt.Errorf("bridge %s: netfilter flags read back as %t, %t",
			bridge, b.nfV4, b.nfV6)
	}
	return true, nil
}

func (c *Conn) sendBridgeNetfilter(index int, on bool) error {
	flag := []byte{0}
	if on {
		flag[0] = 1
	}
	info := attribute(unix.IFLA_LINKINFO,
		attribute(unix.IFLA_INFO_KIND, []byte(kindBridge+"\x00")),
		attribute(unix.IFLA_INFO_DATA,
			attribute(unix.IFLA_BR_NF_CALL_IPTABLES, flag),
			attribute(unix.IFLA_BR_NF_CALL_IP6TABLES, flag)))
	_, err := c.route.request(netlink.Message{
		Header: netlink.Header{
			Type: unix.RTM_NEWLINK, Flags: netlink.Request | netlink.Acknowledge},
		Data: append(linkHeader(unix.AF_UNSPEC, index), info...),
	})
	return err
}

// namespaceNetfilter reads the switches of the whole namespace; they are there if and only if
// the module is loaded.
func (c *Conn) namespaceNetfilter() (v4, v6 bool, err error) {
	err = c.inside(func() error {
		if v4, err = sysctlOn(bridgeSysctls + "bridge-nf-call-iptables"); err != nil {
			return err
		}
		v6, err = sysctlOn(bridgeSysctls + "bridge-nf-call-ip6tables")
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return false, false, ErrNoBridgeNetfilter
	}
	return v4, v6, err
}

func sysctlOn(path string) (bool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	return strings.TrimSpace(string(data)) != "0", nil
}
