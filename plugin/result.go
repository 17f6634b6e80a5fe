// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types/create"
)

// result is the part of a prevResult that says where the container is. The rest is passed on
// and of no concern here.
type result struct {
	// text is the whole, in the version of the conf.
	text []byte

	CNIVersion string `json:"cniVersion"`
	Interfaces []struct {
		Name    string `json:"name"`
		MAC     string `json:"mac"`
		Sandbox string `json:"sandbox"`
	} `json:"interfaces"`
	IPs []struct {
		Interface *int   `json:"interface"`
		Address   string `json:"address"`
	} `json:"ips"`
}

// readResult decodes the conf's prevResult.
func (c *conf) readResult() (*result, error) {
	if c.prevResult == nil {
		return nil, fail(InvalidConf, "prevResult: missing: this plugin follows the one that "+
			"makes the interface, in one list")
	}
	text, err := inVersion(c.prevResult, c.version)
	if err != nil {
		return nil, err
	}
	r := &result{text: text}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fail(InvalidConf, "prevResult: %w", err)
	}
	return r, nil
}

// inVersion returns a result in another version of the specification. One that is in that
// version already is returned to the byte: whatever it says that we do not know is somebody's.
func inVersion(text json.RawMessage, version string) ([]byte, error) {
	members, err := parseObject(text)
	if err != nil {
		return nil, fail(InvalidConf, "prevResult: %w", err)
	}
	all := make(map[string]json.RawMessage, len(members)+1)
	for _, m := range members {
		all[m.key] = m.value
	}
	var stated string
	if v := all["cniVersion"]; v != nil && json.Unmarshal(v, &stated) != nil {
		return nil, fail(InvalidConf, "prevResult.cniVersion: found %s, accepted a string", show(v))
	}
	switch stated {
	case version:
		return text, nil
	case "":
		all["cniVersion"], _ = json.Marshal(version) // a string always encodes
		return json.Marshal(all)
	}
	return convert(text, stated, version)
}

func convert(text []byte, from, to string) ([]byte, error) {
	r, err := create.Create(from, text)
	if err == nil {
		r, err = r.GetAsVersion(to)
	}
	if err != nil {
		return nil, fail(InvalidConf, "prevResult.cniVersion: %q to %s: %w", from, to, err)
	}
	return json.Marshal(r)
}

// inner returns the index of the container's interface of that name, or -1.
func (r *result) inner(ifname string) int {
	for i, l := range r.Interfaces {
		// The host's end may have the same name; only the container's has a sandbox.
		if l.Name == ifname && l.Sandbox != "" {
			return i
		}
	}
	return -1
}

// addresses returns the addresses of the container's interface. An address without an
// interface is taken for one of it, as results of IPAM plugins are meant.
func (r *result) addresses(ifname string) ([]netip.Addr, error) {
	own := r.inner(ifname)
	if own < 0 && len(r.Interfaces) > 0 {
		return nil, fail(InvalidConf, "prevResult.interfaces: none is CNI_IFNAME %s", ifname)
	}
	var addresses []netip.Addr
	for i, ip := range r.IPs {
		if ip.Interface != nil {
			if *ip.Interface < 0 || *ip.Interface >= len(r.Interfaces) {
				return nil, fail(InvalidConf, "prevResult.ips[%d].interface: found %d of %d interfaces",
					i, *ip.Interface, len(r.Interfaces))
			}
			if *ip.Interface != own {
				continue
			}
		}
		a, err := parseAddress(ip.Address)
		if err != nil {
			return nil, fail(InvalidConf, "prevResult.ips[%d].address: %w", i, err)
		}
		if !slices.Contains(addresses, a) {
			addresses = append(addresses, a)
		}
	}
	if len(addresses) == 0 {
		return nil, fail(InvalidConf, "prevResult.ips: no address of CNI_IFNAME %s", ifname)
	}
	return addresses, nil
}

func parseAddress(s string) (netip.Addr, error) {
	p, err := netip.ParsePrefix(s)
	a := p.Addr()
	if err != nil || a.Is4In6() || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() {
		return a, fmt.Errorf("found %.*q, accepted a unicast address with a prefix length",
			maxShown, s)
	}
	return a, nil
}

// mac returns the hardware address that the result states for the container's interface, or
// nil: results older than the link need not have one.
func (r *result) mac(ifname string) (net.HardwareAddr, error) {
	i := r.inner(ifname)
	if i < 0 || r.Interfaces[i].MAC == "" {
		return nil, nil
	}
	mac, err := net.ParseMAC(r.Interfaces[i].MAC)
	if err != nil {
		return nil, fail(InvalidConf, "prevResult.interfaces[%d].mac: found %.*q, accepted six bytes",
			i, maxShown, r.Interfaces[i].MAC)
	}
	return mac, nil
}
