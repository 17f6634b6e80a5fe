// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-net/bulkhead/internal/cli"
	"github.com/bulkhead-net/bulkhead/policy"
)

// service is what a flow asks for: the last argument of explain.
type service struct {
	protocol           uint8
	port               uint16
	icmpType, icmpCode uint8
}

var protocols = map[string]uint8{
	"tcp": policy.ProtocolTCP, "udp": policy.ProtocolUDP, "sctp": policy.ProtocolSCTP,
	"icmp": policy.ProtocolICMP, "icmpv6": policy.ProtocolICMPv6,
}

const serviceForms = "accepted are 5432/tcp, 53/udp, 9/sctp, icmp, 8/icmp, 8/0/icmp, icmpv6 " +
	"and a protocol number from 0 to 255"

// echo are the messages that icmp and icmpv6 alone stand for: an echo request.
var echo = map[uint8]uint8{policy.ProtocolICMP: 8, policy.ProtocolICMPv6: 128}

// parseService reads PORT/PROTO. The protocol may also stand first, as decisions print it.
func parseService(text string) (service, error) {
	parts := strings.Split(text, "/")
	if _, first := protocols[parts[0]]; first && len(parts) > 1 {
		parts = append(parts[1:], parts[0])
	}
	wrong := cli.Usagef("port and protocol %q: %s", text, serviceForms)
	word := parts[len(parts)-1]
	protocol, named := protocols[word]
	var numbers []uint16
	for _, part := range parts[:len(parts)-1] {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return service{}, wrong
		}
		numbers = append(numbers, uint16(n))
	}
	switch {
	case !named:
		return parseNumber(word, len(parts), wrong)
	case echo[protocol] != 0:
		return parseMessage(protocol, numbers, wrong)
	case len(numbers) != 1:
		return service{}, wrong
	}
	return service{protocol: protocol, port: numbers[0]}, nil
}

// parseNumber reads a protocol by its number, which has no ports that policy could name.
func parseNumber(word string, parts int, wrong error) (service, error) {
	n, err := strconv.ParseUint(word, 10, 8)
	if err != nil || parts != 1 {
		return service{}, wrong
	}
	protocol := uint8(n)
	for name, number := range protocols {
		if number == protocol && echo[protocol] == 0 {
			return service{}, cli.Usagef("protocol %d is %s, which has ports: %s", n, name,
				serviceForms)
		}
	}
	return service{protocol: protocol, icmpType: echo[protocol]}, nil
}

func parseMessage(protocol uint8, numbers []uint16, wrong error) (service, error) {
	tooBig := slices.ContainsFunc(numbers, func(n uint16) bool { return n > 255 })
	if len(numbers) > 2 || tooBig {
		return service{}, wrong
	}
	s := service{protocol: protocol, icmpType: echo[protocol]}
	if len(numbers) > 0 {
		s.icmpType = uint8(numbers[0])
	}
	if len(numbers) > 1 {
		s.icmpCode = uint8(numbers[1])
	}
	return s, nil
}

// fits tells whether the service exists in an address family: each has its own ICMP.
func (s service) fits(v6 bool) error {
	if s.protocol == policy.ProtocolICMP && v6 || s.protocol == policy.ProtocolICMPv6 && !v6 {
		return fmt.Errorf("ICMP of the other address family")
	}
	return nil
}
