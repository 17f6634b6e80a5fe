// SPDX-License-Identifier: Apache-2.0

package policy

// The fields of the parts of a protocol match.
var (
	transportFields = []string{"destinationPort"}
	portFields      = []string{"number", "range"}
	rangeFields     = []string{"start", "end"}
	icmpFields      = []string{"type", "code"}
)

// protocolPort reads one item of protocols; forms are those that the kind knows.
func (v value) protocolPort(forms []string) []Port {
	o, ok := v.object(forms...)
	if !ok {
		return nil
	}
	form, at, ok := o.exactlyOne(forms...)
	if !ok {
		return nil
	}
	switch form {
	case "tcp":
		return at.transport(ProtocolTCP)
	case "udp":
		return at.transport(ProtocolUDP)
	case "sctp":
		return at.transport(ProtocolSCTP)
	case "icmp":
		return at.icmp(ProtocolICMP)
	case "icmpv6":
		return at.icmp(ProtocolICMPv6)
	case "ipProtocol":
		// 0 is hop-by-hop options, which is no protocol of its own.
		number, ok := at.integer(1, 255)
		if !ok {
			return nil
		}
		return []Port{everyPort(uint8(number))}
	}
	name, ok := at.portName()
	if !ok {
		return nil
	}
	return []Port{{Named: name}}
}

// transport reads {destinationPort}. Without a port it is the whole protocol: the schema of
// ClusterNetworkPolicy refuses that spelling, its description allows it.
func (v value) transport(protocol uint8) []Port {
	o, ok := v.object(transportFields...)
	if !ok || o.unknown {
		return nil
	}
	at, given := o.field("destinationPort")
	if !given {
		if o.isNullField("destinationPort") {
			o.warn("destinationPort is null, which counts as absent and means every port")
		}
		return []Port{everyPort(protocol)}
	}
	port, ok := at.object(portFields...)
	if !ok {
		return nil
	}
	form, number, ok := port.exactlyOne(portFields...)
	if !ok {
		return nil
	}
	if form == "number" {
		n, ok := number.portNumber()
		if !ok {
			return nil
		}
		return []Port{{Protocol: protocol, First: n, Last: n}}
	}
	bounds, ok := number.object(rangeFields...)
	if !ok {
		return nil
	}
	first, last, ok := bounds.portRange(false)
	if !ok {
		return nil
	}
	return []Port{{Protocol: protocol, First: first, Last: last}}
}

// icmp reads {type, code}; a code without a type says nothing.
func (v value) icmp(protocol uint8) []Port {
	o, ok := v.object(icmpFields...)
	if !ok || o.unknown {
		return nil
	}
	port := everyPort(protocol)
	port.ICMPType = o.octet("type")
	port.ICMPCode = o.octet("code")
	if code, ok := o.field("code"); ok {
		if _, typed := o.field("type"); !typed {
			code.reject("code without type", "code beside type")
		}
	}
	return []Port{port}
}

func (o object) octet(name string) *uint8 {
	v, ok := o.field(name)
	if !ok {
		return nil
	}
	i, ok := v.integer(0, 255)
	if !ok {
		return nil
	}
	u := uint8(i)
	return &u
}
