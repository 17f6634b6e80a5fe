// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/source/files"
	"github.com/bulkhead-net/bulkhead/policy"
)

// law reads the policy directory with the reader that says what policies mean. It shares no
// step with what reached the kernel: not the registry, not the compiler.
func law() (*policy.Set, error) {
	files, err := files.Read(policyDir)
	if err != nil {
		return nil, err
	}
	set := policy.Load(files, nil)
	if policy.HasErrors(set.Problems) {
		return nil, fmt.Errorf("policies: %v", set.Problems)
	}
	return set, nil
}

// party is a container, or the host at one of its addresses, as policies see it.
func (c *container) party(addr netip.Addr) policy.Party {
	if c.isHost() {
		return policy.Party{Addr: addr, Host: true}
	}
	e := &policy.Endpoint{ID: c.containerID(), Namespace: c.policyNamespace(), Name: c.name,
		Interface: interfaceName, Network: c.network, Labels: map[string]string{},
		Addresses: c.addresses, Quarantine: c.quarantine}
	if key, value, ok := strings.Cut(c.labels, ":"); ok {
		e.Labels[key] = value
	}
	return policy.Party{Addr: addr, Endpoint: e}
}

// flow is what a probe of the service looks like to policies.
func flow(from, to policy.Party, s service) policy.Flow {
	f := policy.Flow{From: from, To: to, Port: s.Port}
	switch {
	case s.Protocol == tcp:
		f.Protocol = policy.ProtocolTCP
	case s.Protocol == udp:
		f.Protocol = policy.ProtocolUDP
	case to.Addr.Is4():
		f.Protocol, f.ICMPType = policy.ProtocolICMP, 8
	default:
		f.Protocol, f.ICMPType = policy.ProtocolICMPv6, 128
	}
	return f
}

// expect is how a probe must end.
func expect(d policy.Decision) outcome {
	switch d.Action {
	case policy.Accept:
		return passed
	case policy.Reject:
		return rejected
	}
	return dropped
}
