// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/flow"
	"github.com/bulkhead-net/bulkhead/policy"
)

// PartyText names an end: namespace/name, host, an address, or the hardware address of a frame
// that carries none. The names are as their owners chose them.
func PartyText(p *flow.Party) string {
	switch {
	case p.ID != "":
		return p.Namespace + "/" + p.Name
	case p.Host:
		return "host"
	case p.Prefix.IsValid():
		return p.Prefix.String()
	case p.Addr.IsValid():
		return p.Addr.String()
	case p.MAC != "":
		return p.MAC
	}
	return "-"
}

// Service is what the flow asked for: 5432/tcp, 8/0/icmp, protocol 47, ethertype 0x88cc.
func Service(r *flow.Record) string {
	if r.EtherType != 0 {
		return fmt.Sprintf("ethertype 0x%04x", r.EtherType)
	}
	name := fmt.Sprintf("protocol %d", r.Proto)
	for known, number := range protocols {
		if number == r.Proto {
			name = known
		}
	}
	switch {
	case policy.HasPorts(r.Proto) && r.Ports > 1:
		return fmt.Sprintf("%d ports/%s", r.Ports, name)
	case policy.HasPorts(r.Proto):
		return fmt.Sprintf("%d/%s", r.Port, name)
	case r.Proto == policy.ProtocolICMP || r.Proto == policy.ProtocolICMPv6:
		return fmt.Sprintf("%d/%d/%s", r.Type, r.Code, name)
	}
	return name
}

// FlowText is "shop/web -> shop/db 5432/tcp".
func FlowText(r *flow.Record) string {
	return fmt.Sprintf("%s -> %s %s", PartyText(&r.Client), PartyText(&r.Server), Service(r))
}

// Cause names the rule that decided, or all policies that isolate or that would deny. It is empty
// for what no policy decided.
func Cause(r *flow.Record) string {
	if r.Rule != nil {
		return r.Rule.String()
	}
	var names []string
	for _, ref := range r.Isolating {
		names = append(names, ref.String())
	}
	for _, a := range r.WouldDeny {
		if a.Rule != nil {
			names = append(names, a.Rule.String())
		} else {
			names = append(names, a.Policy.String())
		}
	}
	return strings.Join(names, ", ")
}
