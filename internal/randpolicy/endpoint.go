// SPDX-License-Identifier: Apache-2.0

package randpolicy

import (
	"fmt"
	"net/netip"

	"github.com/bulkhead-net/bulkhead/policy"
)

// Endpoint is an endpoint and where it is attached.
type Endpoint struct {
	*policy.Endpoint
	// Remote says that it is an endpoint of another node; then nothing below is set.
	Remote bool
	// Port is the host's end of its veth, Bridge the bridge of that port, empty when routed.
	Port, Bridge string
	// MAC is the container's.
	MAC [6]byte
}

// Endpoints makes endpoints of this node, bridged and routed, and remote ones. The first is of
// this node.
func (d Dice) Endpoints() []Endpoint {
	var out []Endpoint
	for i := range 4 + d.IntN(6) {
		e := &policy.Endpoint{
			ID: fmt.Sprintf("c%d/eth0", i), Name: fmt.Sprint("c", i), Interface: "eth0",
			Namespace: roll(d, "shop", "pay", "ops"),
			Network:   roll(d, "", "backend"),
			Labels:    map[string]string{"app": roll(d, apps...)},
			Addresses: []netip.Addr{
				netip.AddrFrom4([4]byte{10, byte(1 + i%2), 0, byte(2 + i)}),
				netip.AddrFrom16([16]byte{0xfd, 0, 0, 1, 15: byte(2 + i)}),
			},
		}
		for _, name := range portNames {
			if d.percent(60) {
				e.Ports = append(e.Ports, policy.NamedPort{Name: name,
					Protocol: roll[uint8](d, 6, 17), Port: roll[uint16](d, 53, 80, 8080)})
			}
		}
		e.Quarantine = d.quarantine()
		out = append(out, d.attach(i, e))
	}
	return out
}

// quarantine is that of few endpoints, and of these some let somebody in.
func (d Dice) quarantine() *policy.Quarantine {
	if !d.percent(4) {
		return nil
	}
	q := &policy.Quarantine{}
	for range d.IntN(5) {
		q.AllowFrom = append(q.AllowFrom, netip.MustParsePrefix(roll(d, blocks...)))
	}
	return q
}

func (d Dice) attach(i int, e *policy.Endpoint) Endpoint {
	a := Endpoint{Endpoint: e}
	kind := d.IntN(5)
	if kind == 4 && i > 0 { // the node has at least one endpoint of its own
		a.Remote = true
		return a
	}
	a.Port, a.MAC = fmt.Sprint("veth", i), [6]byte{2, 0, 0, 0, 0, byte(i)}
	if kind < 2 {
		a.Bridge = roll(d, "br0", "br1")
	}
	return a
}
