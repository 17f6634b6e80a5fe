// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"time"

	"github.com/containernetworking/cni/libcni"
	current "github.com/containernetworking/cni/pkg/types/100"
)

// networks are what a runtime would find in /etc/cni/net.d. The last plugin of each is ours: one
// line is all that a network needs.
var networks = map[string]string{
	"shop-net": `{
  "cniVersion": "1.1.0", "name": "shop-net",
  "plugins": [
    {"type": "bridge", "bridge": "shop0", "isDefaultGateway": true,
     "ipam": {"type": "host-local", "dataDir": "` + ipamDir + `", "ranges": [
       [{"subnet": "10.90.1.0/24"}], [{"subnet": "fd00:90:1::/64"}]]}},
    {"type": "bulkhead", "policyDir": "` + policyDir + `"AGENT}
  ]}`,
	"ops-net": `{
  "cniVersion": "1.1.0", "name": "ops-net",
  "plugins": [
    {"type": "ptp",
     "ipam": {"type": "host-local", "dataDir": "` + ipamDir + `", "ranges": [
       [{"subnet": "10.90.2.0/24"}], [{"subnet": "fd00:90:2::/64"}]],
       "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}},
    {"type": "bulkhead", "policyDir": "` + policyDir + `"AGENT}
  ]}`,
}

// interfaceName is the container's side of every attachment.
const interfaceName = "eth0"

// attach runs the network's plugins, as a container runtime does.
func (p *play) attach(ctx context.Context, c *container) error {
	agent := ""
	if p.agent != nil {
		agent = `, "agentSocket": "` + agentSocket + `"`
	}
	list := strings.Replace(networks[c.network], "AGENT", agent, 1)
	config, err := libcni.NetworkConfFromBytes([]byte(list))
	if err != nil {
		return err
	}
	result, err := p.cni().AddNetworkList(ctx, config, c.runtime())
	if err != nil {
		return fmt.Errorf("ADD %s: %w", c, err)
	}
	c.config = config
	r, err := current.NewResultFromResult(result)
	if err != nil {
		return err
	}
	for _, ip := range r.IPs {
		address, _ := netip.AddrFromSlice(ip.Address.IP)
		gateway, _ := netip.AddrFromSlice(ip.Gateway)
		c.addresses = append(c.addresses, address.Unmap())
		c.gateways = append(c.gateways, gateway.Unmap())
	}
	for _, i := range r.Interfaces {
		if i.Sandbox == "" && i.Name != "shop0" {
			c.hostLink = i.Name
		}
	}
	if !c.address(false).IsValid() || !c.address(true).IsValid() {
		return fmt.Errorf("ADD %s: got addresses %v, want both families", c, c.addresses)
	}
	return nil
}

// settle waits until the host's own IPv6 addresses answer: ptp returns while the kernel still
// looks for duplicates of the gateway's.
func settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		out, err := exec.CommandContext(ctx, "ip", "-6", "-oneline", "address", "show",
			"tentative").CombinedOutput()
		if err != nil {
			return fmt.Errorf("tentative addresses: %w\n%s", err, out)
		}
		if len(out) == 0 {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (p *play) detach(ctx context.Context, c *container) error {
	if err := p.cni().DelNetworkList(ctx, c.config, c.runtime()); err != nil {
		return fmt.Errorf("DEL %s: %w", c, err)
	}
	return nil
}

func (p *play) cni() *libcni.CNIConfig {
	return libcni.NewCNIConfigWithCacheDir([]string{p.bin}, cacheDir, nil)
}

// runtime is what the runtime says about the container: its identity, for policies.
func (c *container) runtime() *libcni.RuntimeConf {
	r := &libcni.RuntimeConf{ContainerID: c.containerID(), NetNS: c.netns(),
		IfName: interfaceName,
		Args:   [][2]string{{"IgnoreUnknown", "1"}, {"BULKHEAD_NAME", c.name}}}
	if c.namespace != "" {
		r.Args = append(r.Args, [2]string{"BULKHEAD_NAMESPACE", c.namespace})
	}
	if c.labels != "" {
		r.Args = append(r.Args, [2]string{"BULKHEAD_LABELS", c.labels})
	}
	return r
}
